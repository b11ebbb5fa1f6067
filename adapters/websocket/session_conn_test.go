package websocket

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/internal/closecode"
	"github.com/huleedu/edge/domain"
)

// deadlineCounter counts how often deadlines are set.
type deadlineCounter struct {
	net.Conn
	reads int
}

func (m *deadlineCounter) SetReadDeadline(t time.Time) error {
	m.reads++
	return m.Conn.SetReadDeadline(t)
}

func newSessionConn(t *testing.T) (*sessionConn, *deadlineCounter, net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	m := &deadlineCounter{Conn: near}
	l := &sessionConn{idleTimeout: time.Hour, frames: frameInspector{limiter: newLimiter(0, time.Minute)}}
	l.setConn(m)
	t.Cleanup(func() {
		_ = near.Close()
		_ = far.Close()
	})
	return l, m, far
}

func TestReadLimits(t *testing.T) {
	const due = time.Minute
	for name, c := range map[string]struct {
		set  func(*sessionConn)
		byte time.Duration // when the peer sends one; 0: never
		want error
		in   time.Duration
	}{
		"pong":   {func(*sessionConn) {}, 0, closecode.PeerTimeout, due},
		"idle":   {func(l *sessionConn) { l.idleTimeout = time.Second }, 0, closecode.PeerTimeout, time.Second},
		"expiry": {func(l *sessionConn) { l.tokenExpiry = time.Now().Add(time.Second) }, 0, closecode.Unauthenticated, time.Second},
		"limit":  {func(l *sessionConn) { l.setCloseDeadline(time.Now().Add(time.Second)) }, 0, errCloseTimeout, time.Second},
		"past":   {func(l *sessionConn) { l.tokenExpiry = time.Now().Add(-time.Second) }, 0, closecode.Unauthenticated, 0},
		"byte":   {func(l *sessionConn) { l.idleTimeout = 40 * time.Second }, 30 * time.Second, closecode.PeerTimeout, due},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, _, far := newSessionConn(t)
				c.set(l)
				begin := time.Now()
				if c.byte > 0 {
					time.AfterFunc(c.byte, func() { _, _ = far.Write([]byte{1}) })
				}
				require.NoError(t, l.SetReadDeadline(time.Now().Add(due)))
				for {
					if _, err := l.Read(make([]byte, 1)); err != nil {
						require.ErrorIs(t, err, c.want)
						break
					}
				}
				require.Equal(t, c.in, time.Since(begin))
			})
		})
	}
}

func TestPongsSetNoDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, m, far := newSessionConn(t)
		const pongs = 10
		go func() {
			for range pongs {
				time.Sleep(30 * time.Second)
				_, _ = far.Write([]byte{1})
			}
		}()
		begin := time.Now()
		var err error
		for err == nil {
			_ = l.SetReadDeadline(time.Now().Add(75 * time.Second)) // as melody does at a pong
			_, err = l.Read(make([]byte, 1))
		}
		require.ErrorIs(t, err, closecode.PeerTimeout)
		require.Equal(t, pongs*30*time.Second+75*time.Second, time.Since(begin))
		require.LessOrEqual(t, m.reads, pongs)
	})
}

func FuzzCommandOf(f *testing.F) {
	f.Add([]byte(`{"type":"ping"}`))
	f.Add([]byte(`{"type":{"type":"ping"}}`))
	f.Add([]byte(`{"type":"refresh","token":"x"}`))
	f.Add([]byte(`{"type":"refresh","token":5}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var object map[string]any
		c := parseCommand(text)
		if c.kind != domain.FrameIgnored && json.Unmarshal(text, &object) != nil {
			t.Fatalf("a command that is not an object: %q", text)
		}
		if c.token != "" && c.kind != domain.FrameRefresh {
			t.Fatalf("a token without a refresh: %q", text)
		}
	})
}

// TestUnreadHandshakeEnds: a client sends many requests, reads no answer, and then
// asks for an upgrade, so that the 101 cannot be written.
func TestUnreadHandshakeEnds(t *testing.T) {
	for name, owned := range map[string]func(net.Conn) net.Conn{
		"refused":  func(c net.Conn) net.Conn { return c },
		"accepted": func(c net.Conn) net.Conn { return &sessionConn{Conn: c} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer func() { _ = far.Close() }()
				asked := http.Header{"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
				normalizeHeader(asked, false, false)
				hijacked := &hijackedConn{conn: owned(near), header: http.Header{}, request: &http.Request{Method: http.MethodGet, Header: asked}}
				began := time.Now()
				_, err := newUpgrader(Config{}).Upgrade(hijacked, hijacked.request, hijacked.header)
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				require.Equal(t, writeTimeout, time.Since(began))
			})
		})
	}
}
