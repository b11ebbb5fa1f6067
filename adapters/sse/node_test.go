package sse_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/adapters/sse"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/contract"
	"github.com/huleedu/edge/test/eventstream"
)

const correlation = "0a8e3f9c-6f0e-4a56-9d0e-2f6f0f6b7c11"

// tokens accepts every token except "bad" as the id of its user. lasts is the lifetime of
// a token.
type tokens struct{ lasts time.Duration }

func (v tokens) Validate(_ context.Context, token string) (domain.Caller, error) {
	if token == "bad" {
		return domain.Caller{}, domain.TokenExpired()
	}
	return domain.Caller{User: domain.UserID(token), Expires: time.Now().Add(v.lasts)}, nil
}

// node is a node with streams only.
type node struct {
	manager   *sse.Manager
	server    *httptest.Server
	bus       *memory.Bus
	facts     *memory.Facts
	readiness *app.Readiness
	tokens    tokens
	config    sse.Config
	admission *delivery.Admission
	quota     ports.ConnectionQuota
	// drainsFirst makes the node drain before its first request.
	drainsFirst bool
}

// newNode starts a node on a real socket.
func newNode(t testing.TB, adjust ...func(*node)) *node {
	t.Helper()
	n := &node{
		bus: memory.NewBus(), facts: &memory.Facts{}, readiness: app.NewReadiness(nil, nil), tokens: tokens{time.Hour},
		admission: delivery.NewAdmission(0, nil), quota: memory.NewQuota(1 << 20),
		config: sse.Config{
			Delivery: delivery.Config{QueueMessages: 64, QueueBytes: 1 << 20, DrainTimeout: 10 * time.Second, DrainSpread: 50 * time.Millisecond},
			Origins:  []string{"http://localhost:5173"}, CloseOnTokenExpiry: true, PeerTimeout: time.Minute,
		},
	}
	for _, a := range adjust {
		a(n)
	}
	n.readiness.Enter(app.Serving)
	log := slog.New(slog.DiscardHandler)
	n.manager = sse.NewManager(n.config, delivery.Parts{
		Admission: n.admission, Quota: n.quota, Listener: n.bus, History: n.bus, Observer: n.facts, Log: log,
	}, noop.NewTracerProvider())
	authentication := app.NewAuthentication(n.tokens, memory.NewRateLimiter(), n.facts, domain.Limit{})
	handler := sse.NewHandler(n.manager, authentication, n.readiness, domain.Testing)
	handler.SetWaits(20*time.Millisecond, 30*time.Millisecond)
	n.server = httptest.NewServer(answered(handler))
	if n.drainsFirst {
		n.readiness.Enter(app.Draining)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = n.manager.Drain(ctx)
		n.server.Close()
	})
	return n
}

// answered does what the HTTP adapter does: request context and error answers. The body
// of an error is its code.
func answered(h *sse.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Correlation-ID", correlation)
		_, err := h.Serve(w, r.WithContext(domain.WithRequestContext(r.Context(), domain.RequestContext{CorrelationID: correlation})))
		if err != nil {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, string(domain.CodeOf(err)))
		}
	})
}

// client is the client's end of a stream.
type client struct {
	*eventstream.Reader
	conn    net.Conn
	status  int
	header  http.Header
	refusal string // the body of a response that is not a stream
}

// request sends a GET on a connection of its own, which has a small receive buffer.
func (n *node) request(query string, h http.Header) (*client, error) {
	conn, err := net.Dial("tcp", n.server.Listener.Addr().String())
	if err != nil {
		return nil, err
	}
	_ = conn.(*net.TCPConn).SetReadBuffer(16 << 10)
	r, err := http.NewRequest(http.MethodGet, n.server.URL+"/events"+query, http.NoBody)
	if err != nil {
		return nil, err
	}
	maps.Copy(r.Header, h)
	response, err := eventstream.Request(conn, r, 10*time.Second)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	c := &client{Reader: eventstream.NewReader(response.Body), conn: conn, status: response.StatusCode, header: response.Header}
	if c.status != http.StatusOK {
		c.refusal, err = readAll(response)
	}
	return c, err
}

// readAll returns the body of a response.
func readAll(response *http.Response) (string, error) {
	body, err := io.ReadAll(response.Body)
	return string(body), errors.Join(err, response.Body.Close())
}

// Leave closes the connection.
func (c *client) Leave() { _ = c.conn.Close() }

// connect opens a stream of the user.
func (n *node) connect(user domain.UserID) (*client, error) {
	c, err := n.request("?token="+string(user), nil)
	if err != nil {
		return nil, err
	}
	if c.status != http.StatusOK {
		c.Leave()
		return nil, errors.New(c.refusal)
	}
	return c, nil
}

// event returns the next event, for which it waits at most ten seconds.
func (c *client) event() (eventstream.Event, error) {
	timeout := time.AfterFunc(10*time.Second, c.Leave)
	defer timeout.Stop()
	return c.Reader.Next()
}

// Next returns the data of the next event, and io.EOF for the event that ends the stream.
func (c *client) Next() ([]byte, error) {
	e, err := c.event()
	switch {
	case errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	case e.Type == "close":
		return nil, io.EOF
	}
	return []byte(e.Data), nil
}

// closed returns the data of the last event, behind which the stream must end.
func (c *client) closed(t testing.TB) string {
	t.Helper()
	for {
		e, err := c.event()
		require.NoError(t, err)
		if e.Type == "close" {
			_, err = c.event()
			require.ErrorIs(t, err, io.EOF)
			return e.Data
		}
	}
}

func newContractNode(t testing.TB) contract.ManagerNode {
	n := newNode(t)
	return contract.ManagerNode{Manager: n.manager, Connect: func(user domain.UserID) (contract.ManagerClient, error) {
		c, err := n.connect(user)
		return c, err
	}}
}

func TestManager(t *testing.T) {
	contract.ConnectionManager(t, contract.ManagerHarness{New: newContractNode})
	contract.ConnectionShedder(t, contract.ShedderHarness{New: func(t testing.TB) (ports.ConnectionShedder, contract.ManagerNode) {
		node := newContractNode(t)
		return node.Manager.(ports.ConnectionShedder), node
	}})
}
