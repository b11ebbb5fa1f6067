package httpserver

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/huleedu/edge/adapters/httpserver/requestbody"
	"github.com/huleedu/edge/domain"
)

// Server is the HTTP server of one service. Its port is bound from the start; Serve
// accepts connections.
type Server struct {
	// admin is nil if this server has the operators' routes.
	admin    *Server
	router   *router
	bodies   *requestbody.Middleware
	http     *http.Server
	listener net.Listener
}

// connLimits bound one connection, in bytes and time.
type connLimits struct {
	headerBytes          int
	header, answer, idle time.Duration
}

// listen binds the address and creates the server of the router. The server has no read
// timeout, because net/http reads while a request is answered and would treat an expired
// timeout as a disconnected client. package requestbody bounds the reading.
func listen(s *router, address string, b connLimits) (*Server, error) {
	lc := net.ListenConfig{KeepAlive: -1} // requests have timeouts and sockets are pinged
	listener, err := lc.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, domain.NotStarted("http server", err).WithOp("httpserver.listen")
	}
	bodies := requestbody.NewMiddleware(s.draining, s.engine, b.answer)
	return &Server{router: s, bodies: bodies, listener: listener, http: &http.Server{
		Handler:           bodies,
		MaxHeaderBytes:    b.headerBytes,
		ReadHeaderTimeout: b.header,
		WriteTimeout:      b.answer,
		IdleTimeout:       b.idle,
		Protocols:         onlyHTTP1(),
		ErrorLog:          newServerLog(s.log),
	}}, nil
}

// Addr returns the bound address, host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Admin returns the server of the operators' address: metrics, readiness and health. It is
// bound, and nil if this server has these routes. It is served and shut down separately,
// so that it can outlast this one.
func (s *Server) Admin() *Server { return s.admin }

// Routes returns the routes in the order of registration.
func (s *Server) Routes() []Route { return slices.Clone(s.router.routes) }

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
		s.bodies.Wait() // they end now
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

// onlyHTTP1 returns the protocols of a server, without HTTP/2.
func onlyHTTP1() *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(true)
	return p
}
