package httpclient

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// TestConnectionsRetire: a connection is used for its age at most, and one that
// is in use is not cut for it. So a service that moved is found.
func TestConnectionsRetire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := guarded(t, "class_management", func(c *Config) { c.ConnectionMaxAge = 5 * time.Minute })
		for range 120 { // busy, so that no connection is idle for long
			_, err := r.get(t)
			require.NoError(t, err)
			time.Sleep(time.Second)
		}
		dials, _ := r.seen()
		require.Equal(t, 1, dials)
		time.Sleep(time.Minute)
		for range 240 {
			_, err := r.get(t)
			require.NoError(t, err)
			time.Sleep(time.Second)
		}
		dials, _ = r.seen()
		require.Equal(t, 1, dials, "another one after five minutes")

		r.does(func(*http.Request) string {
			time.Sleep(8 * time.Second)
			return response(200, "{}")
		})
		for range 300 {
			_, err := r.get(t)
			require.NoError(t, err, "an exchange in progress is not cut")
		}
	})
}

func TestAgesAreSpread(t *testing.T) {
	l := &connPool{maxAge: 5 * time.Minute}
	seen := map[time.Duration]bool{}
	for range 100 {
		age := l.lifetime()
		require.LessOrEqual(t, age, 5*time.Minute)
		require.GreaterOrEqual(t, age, 4*time.Minute+30*time.Second)
		seen[age] = true
	}
	require.Greater(t, len(seen), 50)
}

// TestADeadInstanceIsLeft: an instance that went away without a word costs one
// timeout, not one for every idle connection to it.
func TestADeadInstanceIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := guarded(t, "class_management", func(c *Config) { c.ConnectionMaxAge, c.FailureThreshold = time.Hour, 100 })
		release := make(chan struct{})
		r.does(func(*http.Request) string { <-release; return response(200, "{}") })
		outcomes := make(chan error, 8)
		for range 8 {
			req := request(t.Context(), t, http.MethodGet, nil)
			go func() { outcomes <- r.whole(req) }()
		}
		synctest.Wait()
		close(release)
		for range 8 {
			require.NoError(t, <-outcomes)
		}
		r.does(slow) // those connections are dead
		old := r.script
		_, err := r.get(t)
		require.Equal(t, domain.Timeout, domain.CodeOf(err))
		_ = old
		r.answers(200, "{}")
		r.seen()
		_, err = r.get(t)
		require.NoError(t, err)
		dials, _ := r.seen()
		require.Equal(t, 1, dials, "the idle connections were given up")
	})
}

// TestIdleConnectionsAreDroppedSeldom: at most once in ten seconds.
func TestIdleConnectionsAreDroppedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &connPool{}
		near, far := net.Pipe()
		defer func() { _ = near.Close(); _ = far.Close() }()
		used := &conn{socket: near, reused: true}
		fill := func() { l.idle = []*conn{{socket: near}} }
		fill()
		l.noteFailure(&conn{socket: near}, false, net.ErrClosed)
		require.Len(t, l.idle, 1, "a new connection says nothing of the others")
		l.noteFailure(used, true, net.ErrClosed)
		require.Len(t, l.idle, 1, "an answer that broke says nothing of the others")
		l.noteFailure(used, false, context.Canceled)
		require.Len(t, l.idle, 1, "a client that left says nothing of them")
		l.noteFailure(used, false, net.ErrClosed)
		require.Empty(t, l.idle)
		fill()
		time.Sleep(9 * time.Second)
		l.noteFailure(used, false, net.ErrClosed)
		require.Len(t, l.idle, 1)
		time.Sleep(time.Second)
		l.noteFailure(used, false, net.ErrClosed)
		require.Empty(t, l.idle)
	})
}
