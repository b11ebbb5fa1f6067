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

func TestBulkheadLimitsAllCallsAndThoseOfEachUser(t *testing.T) {
	for _, c := range []struct{ all, each int }{{256, 64}, {16, 4}, {7, 1}, {3, 1}, {1, 1}} {
		s := newBulkhead(c.all)
		for range c.each {
			require.True(t, s.acquire("anna"))
		}
		require.False(t, s.acquire("anna"), "%+v", c)
		for i := range c.all - c.each {
			require.True(t, s.acquire(fmt.Sprint(i)), "other users get the rest: %+v", c)
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
		require.Empty(t, s.byUser, "users without calls take no memory")
	}
}

// getAs sends a GET of a user.
func (e *environment) getAs(t *testing.T, user string) (*http.Response, error) {
	t.Helper()
	req := newRequest(t.Context(), t, http.MethodGet, nil)
	req.Header.Set("X-User-Id", user)
	return e.RoundTrip(req)
}

// requireBusy requires that a call is refused at once and sends nothing.
func requireBusy(t *testing.T, e *environment, user string) {
	t.Helper()
	e.traffic()
	began := time.Now()
	res, err := e.getAs(t, user)
	if err == nil {
		_ = res.Body.Close()
	}
	refusal := domain.As(err)
	require.Equal(t, domain.ServiceUnavailable, refusal.Code, err)
	require.Equal(t, map[string]any{"unavailable_service": e.service}, refusal.Details)
	require.Equal(t, time.Second, refusal.RetryAfter)
	require.Zero(t, time.Since(began), "at once")
	dials, requests := e.traffic()
	require.Zero(t, dials)
	require.Empty(t, requests)
}

func TestASlotIsHeldUntilTheResponseBodyEnds(t *testing.T) {
	ends := map[string]func(*testing.T, *http.Response){
		"closed": func(t *testing.T, res *http.Response) {
			require.NoError(t, res.Body.Close())
			require.NoError(t, res.Body.Close(), "a second Close has no effect")
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
				e := newEnvironment(t, "class_management", func(c *Config) { c.MaxConcurrency = 4 })
				e.respondStatus(200, strings.Repeat("x", 100))
				res, err := e.getAs(t, "anna")
				require.NoError(t, err)
				defer func() { _ = res.Body.Close() }()
				time.Sleep(time.Second)
				requireBusy(t, e, "anna")
				other, err := e.getAs(t, "bo")
				require.NoError(t, err)
				defer func() { _ = other.Body.Close() }()
				end(t, res)
				again, err := e.getAs(t, "anna")
				require.NoError(t, err)
				require.NoError(t, again.Body.Close())
			})
		})
	}
}

func TestASlotIsReleasedAfterEveryFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnvironment(t, "class_management", func(c *Config) { c.MaxConcurrency, c.FailureThreshold = 1, 3 })
		for range 3 {
			e.respondWith(respondTooLate)
			_, err := e.get(t)
			require.Equal(t, domain.Timeout, domain.CodeOf(err))
			require.Equal(t, 1, e.bulkhead.free)
		}
		_, err := e.get(t)
		require.Equal(t, domain.CircuitBreakerOpen, domain.CodeOf(err))
		require.Equal(t, 1, e.bulkhead.free)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = e.call(ctx, t, http.MethodGet, nil)
		require.Error(t, err)
		require.Equal(t, 1, e.bulkhead.free)
	})
}
