package httpclient

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// TestConnectionsAreReplacedAtTheirAge: an exchange in progress is not interrupted.
func TestConnectionsAreReplacedAtTheirAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnvironment(t, "class_management", func(c *Config) { c.ConnectionMaxAge = 5 * time.Minute })
		requireDials := func(calls, want int) {
			for range calls {
				_, err := e.get(t)
				require.NoError(t, err)
				time.Sleep(time.Second)
			}
			dials, _ := e.traffic()
			require.Equal(t, want, dials)
		}
		requireDials(120, 1)
		time.Sleep(time.Minute)
		requireDials(240, 1) // a second connection after five minutes

		e.respondWith(func(*http.Request) string {
			time.Sleep(8 * time.Second)
			return response(200, "{}")
		})
		for range 300 {
			_, err := e.get(t)
			require.NoError(t, err)
		}
	})
}

// TestIdleConnectionsToADeadInstanceAreDropped: it costs one timeout, not one for each of
// them.
func TestIdleConnectionsToADeadInstanceAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnvironment(t, "class_management", func(c *Config) { c.ConnectionMaxAge, c.FailureThreshold = time.Hour, 100 })
		release := make(chan struct{})
		e.respondWhen(release)
		outcomes := e.getConcurrently(t, 8)
		synctest.Wait()
		close(release)
		for range 8 {
			require.NoError(t, <-outcomes)
		}
		e.respondWith(respondTooLate)
		_, err := e.get(t)
		require.Equal(t, domain.Timeout, domain.CodeOf(err))
		e.respondStatus(200, "{}")
		e.traffic()
		_, err = e.get(t)
		require.NoError(t, err)
		dials, _ := e.traffic()
		require.Equal(t, 1, dials)
	})
}
