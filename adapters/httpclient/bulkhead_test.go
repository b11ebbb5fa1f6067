package httpclient

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestPlaces(t *testing.T) {
	for _, c := range []struct{ all, each int }{{256, 64}, {16, 4}, {7, 1}, {3, 1}, {1, 1}} {
		s := newBulkhead(c.all)
		for range c.each {
			require.True(t, s.acquire("anna"))
		}
		require.False(t, s.acquire("anna"), "%+v", c)
		for i := range c.all - c.each {
			require.True(t, s.acquire(fmt.Sprint(i)), "others are not held up: %+v", c)
		}
		require.False(t, s.acquire("bo"), "%+v", c)
		require.False(t, s.acquire(""), "%+v", c)
		s.release("anna")
		require.True(t, s.acquire("anna"))
		for range c.each {
			s.release("anna")
		}
		for i := range c.all - c.each {
			s.release(fmt.Sprint(i))
		}
		require.Equal(t, c.all, s.free)
		require.Empty(t, s.byUser, "nobody is remembered")
	}
}

// as asks in a user's name.
func (r *rig) as(t *testing.T, user string) (*http.Response, error) {
	t.Helper()
	req := request(t.Context(), t, http.MethodGet, nil)
	req.Header.Set("X-User-Id", user)
	return r.roundTrip(req, 10*time.Second)
}

func requireBusy(t *testing.T, r *rig, user string) {
	t.Helper()
	r.seen()
	began := time.Now()
	res, err := r.as(t, user)
	if err == nil {
		_ = res.Body.Close()
	}
	e := domain.As(err)
	require.Equal(t, domain.ServiceUnavailable, e.Code, err)
	require.Equal(t, map[string]any{"unavailable_service": r.service}, e.Details)
	require.Equal(t, time.Second, e.RetryAfter)
	require.Zero(t, time.Since(began), "at once")
	dials, asked := r.seen()
	require.Zero(t, dials)
	require.Empty(t, asked)
}

func TestAPlaceIsHeldUntilTheBodyEnds(t *testing.T) {
	ends := map[string]func(*testing.T, *http.Response){
		"closed": func(t *testing.T, res *http.Response) {
			require.NoError(t, res.Body.Close())
			require.NoError(t, res.Body.Close(), "twice is once")
		},
		"read": func(t *testing.T, res *http.Response) {
			buffer := make([]byte, 64)
			for {
				if _, err := res.Body.Read(buffer); err != nil {
					break
				}
			}
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := guarded(t, "class_management", func(c *Config) { c.MaxConcurrency = 4 })
				r.answers(200, strings.Repeat("x", 100))
				res, err := r.as(t, "anna")
				require.NoError(t, err)
				defer func() { _ = res.Body.Close() }()
				time.Sleep(time.Second)
				requireBusy(t, r, "anna")
				other, err := r.as(t, "bo")
				require.NoError(t, err)
				defer func() { _ = other.Body.Close() }()
				end(t, res)
				again, err := r.as(t, "anna")
				require.NoError(t, err)
				require.NoError(t, again.Body.Close())
			})
		})
	}
}

func TestAPlaceComesBackFromEveryFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := guarded(t, "class_management", func(c *Config) { c.MaxConcurrency, c.FailureThreshold = 1, 3 })
		for range 3 {
			r.does(slow)
			_, err := r.get(t)
			require.Equal(t, domain.Timeout, domain.CodeOf(err))
			require.Equal(t, 1, r.bulkhead.free)
		}
		_, err := r.get(t)
		require.Equal(t, domain.CircuitBreakerOpen, domain.CodeOf(err))
		require.Equal(t, 1, r.bulkhead.free)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = r.ask(ctx, t, http.MethodGet, nil)
		require.Error(t, err)
		require.Equal(t, 1, r.bulkhead.free)
	})
}
