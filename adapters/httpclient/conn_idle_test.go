package httpclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// failingBody returns an error after some time.
type failingBody struct {
	wait time.Duration
	done chan struct{}
}

func (b failingBody) Read([]byte) (int, error) {
	select {
	case <-time.After(b.wait):
		return 0, errors.New("broken chunk")
	case <-b.done:
		return 0, io.ErrClosedPipe
	}
}

func (b failingBody) Close() error {
	select {
	case <-b.done:
	default:
		close(b.done)
	}
	return nil
}

// TestOnlyServiceFailuresDropIdleConnections: a call that fails on a used connection for
// a reason of the caller or of this process leaves the idle connections alone.
func TestOnlyServiceFailuresDropIdleConnections(t *testing.T) {
	const idle = 4
	small := func(ctx context.Context, r *rig) error {
		pool := r.pool(&url.URL{Scheme: "http", Host: "service"})
		message := []byte("GET / HTTP/1.1\r\nHost: service\r\n\r\n")
		q := wireRequest{http.MethodGet, message, func(int) bool { return true }}
		_, _, err := pool.roundTrip(ctx, time.Now().Add(time.Minute), q, false)
		return err
	}
	for name, one := range map[string]struct {
		fails func(t *testing.T, r *rig) error
		kept  int
	}{
		"passed on, the service is silent": {func(t *testing.T, r *rig) error {
			r.does(slow)
			return r.whole(request(t.Context(), t, http.MethodPost, nil))
		}, 0},
		"passed on, the caller leaves": {func(t *testing.T, r *rig) error {
			r.does(slow)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			return r.whole(request(ctx, t, http.MethodPost, nil))
		}, idle - 1},
		"passed on, the body breaks": {func(t *testing.T, r *rig) error {
			return r.whole(request(t.Context(), t, http.MethodPost, failingBody{time.Second, make(chan struct{})}))
		}, idle - 1},
		"passed on, the body stalls": {func(t *testing.T, r *rig) error {
			return r.whole(request(t.Context(), t, http.MethodPost, failingBody{time.Hour, make(chan struct{})}))
		}, idle - 1},
		"small call, the service is silent": {func(t *testing.T, r *rig) error {
			r.does(slow)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return small(ctx, r)
		}, 0},
		"small call, the caller leaves": {func(t *testing.T, r *rig) error {
			r.does(slow)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			return small(ctx, r)
		}, idle - 1},
		"small call, no memory": {func(t *testing.T, r *rig) error {
			return small(domain.WithMemory(t.Context(), domain.NewMemoryBudget(1).Lease()), r)
		}, idle - 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := withIdle(t, idle)
				r.answers(200, "{}")
				require.Error(t, one.fails(t, r))
				require.Len(t, r.pool(&url.URL{Scheme: "http", Host: "service"}).idle, one.kept)
			})
		})
	}
}

// withIdle returns a rig whose pool holds idle connections.
func withIdle(t *testing.T, idle int) *rig {
	t.Helper()
	r := guarded(t, "class_management", func(c *Config) { c.ConnectionMaxAge = time.Hour })
	release := make(chan struct{})
	r.does(func(*http.Request) string { <-release; return response(200, "{}") })
	outcomes := make(chan error, idle)
	for range idle {
		req := request(t.Context(), t, http.MethodGet, nil)
		go func() { outcomes <- r.whole(req) }()
	}
	synctest.Wait()
	close(release)
	for range idle {
		require.NoError(t, <-outcomes)
	}
	return r
}

// TestErrorBodiesEndWithTheDeadline: the wait for the body of an error answer does not
// extend the deadline of the call.
func TestErrorBodiesEndWithTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := guarded(t, "result_aggregator")
		r.does(func(*http.Request) string {
			time.Sleep(9900 * time.Millisecond)
			return "HTTP/1.1 400 Bad\r\nContent-Length: 9\r\n\r\npart"
		})
		pool := r.pool(&url.URL{Scheme: "http", Host: "service"})
		q := wireRequest{http.MethodGet, []byte("GET / HTTP/1.1\r\nHost: service\r\n\r\n"), func(int) bool { return true }}
		began := time.Now()
		_, _, err := pool.roundTrip(t.Context(), began.Add(10*time.Second), q, false)
		require.Error(t, err)
		require.Equal(t, 10*time.Second, time.Since(began))
	})
}
