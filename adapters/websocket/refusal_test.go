package websocket_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/pause"
)

// browserClient is an existing browser client. It reconnects after each close: one second
// later, then two, four, eight, sixteen. It gives up after five attempts in a row,
// and counts from zero again whenever a socket opens.
type browserClient struct {
	opened   []time.Time
	statuses []int // of the handshakes that were refused by HTTP
	codes    []int // of the closes
}

// run connects until the client gives up or the time has passed.
func (p *browserClient) run(lasts time.Duration, dial func() (*client, error)) {
	ends := time.Now().Add(lasts)
	for attempts := 0; time.Now().Before(ends); attempts++ {
		c, err := dial()
		if err == nil {
			attempts = 0
			p.opened = append(p.opened, time.Now())
			p.codes = append(p.codes, closeCode(c))
			c.Leave()
		} else {
			p.statuses = append(p.statuses, c.response.StatusCode)
		}
		if attempts == 5 {
			return
		}
		pause.For(time.Second<<attempts, "simulated: the callers run in synctest")
	}
}

// closeCode reads up to the close frame and returns its status.
func closeCode(c *client) int {
	for {
		if _, _, err := c.ReadMessage(); err != nil {
			return closeErrorCode(err)
		}
	}
}

// maxPerMinute returns the maximum number of sockets that were opened within one
// minute.
func (p *browserClient) maxPerMinute() (most int) {
	for i, first := range p.opened {
		n := 0
		for _, at := range p.opened[i:] {
			if at.Sub(first) < time.Minute {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// TestReconnectingClientsOpenFewSockets: a client that is refused opens at most
// seven sockets a minute, for every reason of a refusal.
func TestReconnectingClientsOpenFewSockets(t *testing.T) {
	for name, c := range map[string]struct {
		token  domain.UserID
		adjust func(*node)
		code   int
		status int // 0: it is never refused by HTTP
	}{
		"expired token":                           {"expired", nil, 1008, http.StatusUnauthorized},
		"forged token":                            {"signature", nil, 1008, http.StatusUnauthorized},
		"malformed token":                         {"malformed", nil, 1008, http.StatusUnauthorized},
		"one tab too many":                        {"u1", func(n *node) { n.deps.limit = 0 }, 4000, http.StatusTooManyRequests},
		"Redis is unavailable":                    {"u1", func(n *node) { n.deps.outage = domain.Unreachable("redis", nil) }, 1011, 0},
		"Redis answers an error of unknown cause": {"u1", func(n *node) { n.deps.outage = domain.Unknown(errors.New("ERR")) }, 1011, 0},
		"the log is broken":                       {"u1", func(n *node) { n.deps.outage = &domain.Error{Code: domain.ProcessingError} }, 1011, 0},
		"no keys":                                 {"nokeys", nil, 1011, 0},
		"no keys, then no Redis": {"nokeys", func(n *node) {
			n.tokens.arrived, n.deps.outage = &atomic.Bool{}, domain.Unreachable("redis", nil)
			time.AfterFunc(5*time.Second, func() { n.tokens.arrived.Store(true) })
		}, 1011, 0},
		"the log is unavailable": {"u1&last_event_id=0", func(n *node) { n.past = &failingLog{NotificationLog: n.bus, times: 1 << 30} }, 1011, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				adjust := c.adjust
				if adjust == nil {
					adjust = func(*node) {}
				}
				n, dial, end := newPiped(t, settings(), adjust)
				defer end()
				n.handler.SetDefaultWaits()
				p := &browserClient{}
				p.run(30*time.Minute, func() (*client, error) { return dial(c.token) })
				require.NotEmpty(t, p.opened, "it is closed once")
				require.LessOrEqual(t, p.maxPerMinute(), 7)
				for _, code := range p.codes {
					require.Equal(t, c.code, code)
				}
				for _, status := range p.statuses {
					require.Equal(t, c.status, status)
				}
			})
		})
	}
}

// TestRefusedTokenIsClosedAgainAfterTenMinutes: between two closes the token is
// refused by HTTP.
func TestRefusedTokenIsClosedAgainAfterTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, dial, end := newPiped(t, settings())
		defer end()
		closed := func() bool {
			c, err := dial("expired")
			if err != nil {
				require.Equal(t, http.StatusUnauthorized, c.response.StatusCode)
				return false
			}
			require.Equal(t, 1008, closeCode(c))
			c.Leave()
			synctest.Wait()
			return true
		}
		require.True(t, closed())
		for range 9 {
			time.Sleep(time.Minute)
			require.False(t, closed())
		}
		time.Sleep(time.Minute)
		require.True(t, closed(), "ten minutes after its close frame")
	})
}

// TestValidTokenIsNeverRefusedByMemory: a refused token that becomes valid is
// accepted at once, and one that may become valid is always refused by a close.
func TestValidTokenIsNeverRefusedByMemory(t *testing.T) {
	for kind, closes := range map[domain.UserID][]bool{
		"key":           {true, true, true},
		"not_yet_valid": {true, true, true},
		"signature":     {true, false, false},
		"malformed":     {true, false, false},
	} {
		t.Run(string(kind), func(t *testing.T) {
			arrived := &atomic.Bool{}
			n := newNode(t, settings(), func(n *node) { n.tokens.arrived = arrived })
			for i, want := range closes {
				c, err := n.dial(kind)
				if !want {
					require.Error(t, err, "attempt %d", i)
					require.Equal(t, http.StatusUnauthorized, c.response.StatusCode)
					continue
				}
				require.NoError(t, err, "attempt %d", i)
				require.Equal(t, 1008, c.end(t).Code)
			}
			arrived.Store(true)
			n.mustDial(t, kind)
			require.Equal(t, 1, n.manager.Total())
		})
	}
}

// TestHandshakesWaitOnce: a handshake that waits for the keys and then for Redis is
// refused within the limit of one wait, which is below the server's time limit for
// an answer.
func TestHandshakesWaitOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		arrived := &atomic.Bool{}
		n, dial, end := newPiped(t, settings(), func(n *node) {
			n.tokens.arrived, n.deps.outage = arrived, domain.Unreachable("redis", nil)
		})
		defer end()
		n.handler.SetDefaultWaits()
		began := time.Now()
		time.AfterFunc(7*time.Second, func() { arrived.Store(true) })
		c, err := dial("nokeys")
		require.NoError(t, err)
		require.Equal(t, 1011, closeCode(c))
		c.Leave()
		require.LessOrEqual(t, time.Since(began), 15*time.Second)
		require.GreaterOrEqual(t, time.Since(began), 5*time.Second)
	})
}

// TestPanicInAHandshakeLeavesTheAdmission: a panic of the validator does not keep a
// slot of the connection limit.
func TestPanicInAHandshakeLeavesTheAdmission(t *testing.T) {
	c := settings()
	c.MaxConnections = 1
	n := newNode(t, c, func(n *node) {
		n.unserved = true
		n.tokens.during = func() { panic("token") }
	})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/ws?token=u1", nil)
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAECAwQFBgcICQoLDA0ODw==",
	} {
		r.Header.Set(name, value)
	}
	for range 3 {
		require.PanicsWithValue(t, "token", func() { _, _ = n.handler.Serve(httptest.NewRecorder(), r) })
	}
	require.NoError(t, n.manager.Drain(t.Context()))
}

// TestKeysThatArriveLate: a handshake waits while the keys cannot be loaded.
func TestKeysThatArriveLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		arrived := &atomic.Bool{}
		n, dial, end := newPiped(t, settings(), func(n *node) { n.tokens.arrived = arrived })
		defer end()
		n.handler.SetDefaultWaits()
		go func() {
			time.Sleep(5 * time.Second)
			arrived.Store(true)
		}()
		c, err := dial("nokeys")
		require.NoError(t, err)
		require.Equal(t, 1, n.manager.Total())
		c.Leave()
	})
}

// TestFreeLeaseIsAlwaysGranted: a remembered refusal has no effect once the quota
// has a free lease.
func TestFreeLeaseIsAlwaysGranted(t *testing.T) {
	n := newNode(t, settings(), func(n *node) { n.deps.limit = 1 })
	first := n.mustDial(t, "u1")
	second := n.mustDial(t, "u1")
	require.Equal(t, 4000, second.end(t).Code)
	for range 2 {
		c, err := n.dial("u1")
		require.Error(t, err)
		require.Equal(t, http.StatusTooManyRequests, c.response.StatusCode)
		require.NotEmpty(t, c.response.Header.Get("Retry-After"))
	}
	first.Leave()
	n.awaitClean(t)
	n.mustDial(t, "u1")
	require.Equal(t, 1, n.manager.Total())
	require.Equal(t, []domain.UserID{"u1"}, n.deps.reclaims(), "once in ten seconds")
}

// TestRefusalsDoNotCountAsConnections: handshakes that are upgraded only to be
// refused do not count against the connection limit, and have a limit of their own.
func TestRefusalsDoNotCountAsConnections(t *testing.T) {
	const most = 256
	c := settings()
	c.MaxConnections = 2
	n := newNode(t, c)
	for i := range most { // none answers its close, so each stays for a while
		silent, err := n.dial(domain.UserID(fmt.Sprint("expired.", i)))
		require.NoError(t, err)
		t.Cleanup(silent.Leave)
		if i == most/2 {
			n.mustDial(t, "u1")
		}
	}
	refusedBy := func(token domain.UserID) int {
		c, err := n.dial(token)
		require.Error(t, err)
		return c.response.StatusCode
	}
	require.Equal(t, http.StatusUnauthorized, refusedBy("expired.new"))
	n.deps.setLimit(0)
	require.Equal(t, http.StatusTooManyRequests, refusedBy("u2"))
	n.deps.setLimit(100)
	n.mustDial(t, "u2")
	require.Equal(t, http.StatusServiceUnavailable, refusedBy("u3"), "two sessions are the node's limit")
}

// TestWaitingHandshakesAreBounded: a handshake over the limit is refused by HTTP at
// once, a drain ends the wait, and a waiting handshake succeeds when Redis is
// reachable again.
func TestWaitingHandshakesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, dial, end := newPiped(t, settings(), func(n *node) { n.deps.outage = domain.Unreachable("redis", nil) })
		defer end()
		n.handler.SetWaits(8*time.Second, 15*time.Second, 500*time.Millisecond, 1)
		type result struct {
			c   *client
			err error
		}
		waits := make(chan result, 1)
		dialAside := func() {
			c, err := dial("u1")
			waits <- result{c, err}
		}
		go dialAside()
		synctest.Wait()
		c, err := dial("u2")
		require.Error(t, err)
		require.Equal(t, http.StatusServiceUnavailable, c.response.StatusCode)
		require.NotEmpty(t, c.response.Header.Get("Retry-After"))
		time.Sleep(4 * time.Second)
		n.deps.setOutage(nil)
		r := <-waits
		require.NoError(t, r.err, "Redis came back")
		r.c.Leave()

		n.deps.setOutage(domain.Unreachable("redis", nil))
		began := time.Now()
		go dialAside()
		synctest.Wait()
		time.Sleep(time.Second)
		n.drain()
		r = <-waits
		require.Error(t, r.err)
		require.Equal(t, http.StatusServiceUnavailable, r.c.response.StatusCode)
		require.Less(t, time.Since(began), 3*time.Second)
	})
}
