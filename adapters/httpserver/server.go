package httpserver

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/huleedu/edge/domain"
)

// Server is one service's HTTP server. It holds its port from the start and
// serves once Serve is called.
type Server struct {
	// admin is nil while operators are answered here.
	admin    *Server
	router   *router
	http     *http.Server
	listener net.Listener
}

// connLimits bound one connection, in bytes and time.
type connLimits struct {
	headerBytes          int
	header, answer, idle time.Duration
	// singleRequest says that a connection carries one request, so that the cost of
	// a new goroutine matters.
	singleRequest bool
}

// listen binds the address and creates the server of the router. The server itself has
// no limit for reading a request: net/http goes on reading while it is answered,
// and would take a client whose time to send is over for one that left. The body's
// owner bounds it.
func listen(s *router, address string, b connLimits) (*Server, error) {
	// Every connection has time limits of ours, and sockets are pinged: TCP's own
	// probes would only cost four system calls for each.
	lc := net.ListenConfig{KeepAlive: -1}
	listener, err := lc.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, domain.NotStarted("http server", err).WithOp("httpserver.listen")
	}
	s.readTimeout = b.answer
	var handler http.Handler = bodyOwner{s, s.engine}
	if b.singleRequest {
		handler = stackGrower{handler}
	}
	return &Server{router: s, listener: listener, http: &http.Server{
		Handler:           handler,
		MaxHeaderBytes:    b.headerBytes,
		ReadHeaderTimeout: b.header,
		WriteTimeout:      b.answer,
		IdleTimeout:       b.idle,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}}, nil
}

// stackGrower grows the stack of a connection's goroutine once, before the call
// chain is deep. Otherwise the runtime grows it in several steps and copies the
// whole stack in each.
type stackGrower struct{ inner http.Handler }

// handlerStack is what a request's chain needs of the stack.
const handlerStack = 4 << 10

// ServeHTTP calls inner.
func (r stackGrower) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	growStack(len(q.Method))
	r.inner.ServeHTTP(w, q)
}

// growStack makes room by asking for it; the runtime takes nothing back before
// the next collection.
//
//go:noinline
func growStack(at int) byte {
	var room [handlerStack]byte
	return room[at]
}

// Addr is the address that is bound, host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Admin is the server that answers operators' questions (metrics, readiness,
// health) on an address of its own, bound too; nil when this one answers them.
// It is served and shut down apart, so that it can outlast this one.
func (s *Server) Admin() *Server { return s.admin }

// Routes lists what the server answers, in the order of registration.
func (s *Server) Routes() []Route { return slices.Clone(s.router.routeList) }

// Serve answers requests until Shutdown begins; it then returns nil while
// Shutdown still waits for requests in flight. It is called at most once.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return domain.Unknown(err).WithOp("httpserver.Serve")
	}
	return nil
}

// Retire adds "Connection: close" to every answer from now on, so that clients
// reconnect to another node. Requests are still served and idle connections stay
// open, because closing one can meet a request in transit.
func (s *Server) Retire() { s.router.retiring.Store(true) }

// Shutdown stops listening and waits for the requests in flight. When ctx ends
// first they are cut and a TIMEOUT is returned. Connections that switched
// protocols are not waited for. It may be called more than once, and without
// Serve.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Retire()
	s.router.drain()
	err := s.http.Shutdown(ctx)
	if err == nil {
		s.router.activeDrains.Wait() // they end now
	}
	if closed := s.listener.Close(); closed != nil && !errors.Is(closed, net.ErrClosed) {
		err = errors.Join(err, closed)
	}
	if err == nil {
		return nil
	}
	err = errors.Join(err, s.http.Close())
	if ctx.Err() != nil {
		return (&domain.Error{Code: domain.Timeout, Message: "Requests in flight were cut short", Err: err}).WithOp("httpserver.Shutdown")
	}
	return domain.Unknown(err).WithOp("httpserver.Shutdown")
}
