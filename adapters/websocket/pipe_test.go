package websocket_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/websocket"
	"github.com/huleedu/edge/domain"
)

// pipeListener accepts connections in memory, so that a test with synctest can
// advance the time by hours.
type pipeListener struct {
	waiting chan net.Conn
	done    chan struct{}
	once    sync.Once
}

func (p *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-p.waiting:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipeListener) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (p *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.waiting <- there:
		return here, nil
	case <-p.done:
		return nil, errors.New("closed")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// newPiped returns a node with connections in memory. It must be called in a
// synctest bubble. end drains the node and stops its server.
func newPiped(t *testing.T, c websocket.Config, adjust ...func(*node)) (n *node, dial func(domain.UserID) (*client, error), end func()) {
	t.Helper()
	n = newNode(t, c, append(adjust, func(n *node) { n.unserved = true })...)
	l := &pipeListener{waiting: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: serveHandler(n.handler), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	n.server = &httptest.Server{URL: "http://node.test"}
	dialer := &gorilla.Dialer{NetDialContext: l.dial}
	dial = func(user domain.UserID) (*client, error) { return n.dialWith(dialer, "?token="+string(user), nil) }
	return n, dial, func() {
		require.NoError(t, n.manager.Drain(t.Context()))
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	}
}
