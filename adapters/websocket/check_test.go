package websocket_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// countPings answers pings as a browser does until the connection ends, and
// returns how many came so far.
func countPings(c *client) *atomic.Int32 {
	pings := &atomic.Int32{}
	c.SetPingHandler(func(text string) error {
		pings.Add(1)
		return c.WriteControl(gorilla.PongMessage, []byte(text), time.Now().Add(time.Second))
	})
	go func() {
		for {
			if _, _, err := c.ReadMessage(); err != nil {
				return
			}
		}
	}()
	return pings
}

// TestCheckClosesDeadConnectionsOfAFullQuota: a user whose network changed has
// connections that no client reads. A refusal closes them (4002) within five
// seconds. Connections that answer stay, and the user can connect.
func TestCheckClosesDeadConnectionsOfAFullQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, dial, end := newPiped(t, settings(), func(n *node) { n.deps.limit = 3 })
		defer end()
		var open []*client
		for range 3 {
			c, err := dial("u1")
			require.NoError(t, err)
			open = append(open, c)
		}
		alive := countPings(open[0])
		time.Sleep(10 * time.Second)
		c, err := dial("u1")
		require.NoError(t, err)
		require.Equal(t, 4000, closeCode(c))
		c.Leave()
		require.Equal(t, []domain.UserID{"u1"}, n.deps.reclaims(), "the other nodes are asked too")
		time.Sleep(4 * time.Second)
		c, err = dial("u1")
		require.Error(t, err)
		require.Equal(t, http.StatusTooManyRequests, c.response.StatusCode)
		time.Sleep(4 * time.Second)
		c, err = dial("u1")
		require.NoError(t, err)
		require.EqualValues(t, 1, alive.Load())
		require.Equal(t, 2, n.manager.Total(), "the one that answers and the new one")
		require.Equal(t, 2, n.closes(4002))
		for _, one := range append(open, c) {
			one.Leave()
		}
		synctest.Wait()
	})
}

// TestChecksPingAtMostOnceInFiveSeconds: repeated checks ping a connection at most
// once in five seconds and do not close one that answers.
func TestChecksPingAtMostOnceInFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, dial, end := newPiped(t, settings())
		defer end()
		c, err := dial("u1")
		require.NoError(t, err)
		pings := countPings(c)
		n.manager.Check("a user without connections")
		for range 20 * 10 {
			n.manager.Check("u1")
			time.Sleep(100 * time.Millisecond)
		}
		require.LessOrEqual(t, pings.Load(), int32(5))
		require.GreaterOrEqual(t, pings.Load(), int32(4))
		require.Equal(t, 1, n.manager.Total())
		c.Leave()
		synctest.Wait()
	})
}
