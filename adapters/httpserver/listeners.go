package httpserver

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/huleedu/edge/adapters/httpserver/certificate"
	"github.com/huleedu/edge/domain"
)

const (
	adminHeaderBytes = 32 << 10          // adminHeaderBytes limits an operator's header, in bytes.
	adminHeaderTime  = 10 * time.Second  // adminHeaderTime limits the reading of an operator's header.
	adminAnswerTime  = 30 * time.Second  // adminAnswerTime limits an operator's request and its answer.
	adminIdleTime    = 120 * time.Second // adminIdleTime is how long an idle admin connection stays open.
)

// routeTables are the routes of a service: its own, the liveness route, and the
// routes that an admin listener serves instead.
type routeTables struct {
	service []routeDef
	alive   routeDef
	admin   []routeDef
	// operators are the routes that only an admin listener serves.
	operators []routeDef
}

// listenAddr is the address of a service. With an empty admin address one listener
// serves all routes. The files of the certificate are those of all listeners.
type listenAddr struct {
	host        string
	port        int
	admin       string
	certificate certificate.Files
}

// adminRoutes returns the routes of the admin listener. Without a metrics handler
// there is no /metrics.
func adminRoutes(ready handler, metrics http.Handler) []routeDef {
	table := []routeDef{{http.MethodGet, "/readyz", Anyone, LimitNone, ready}}
	if metrics != nil {
		table = append(table, routeDef{http.MethodGet, "/metrics", Anyone, LimitNone, mounted(metrics)})
	}
	return table
}

// listenAll registers the routes and binds every address. If one cannot be bound,
// none stays bound.
func (s *router) listenAll(t routeTables, at listenAddr, b connLimits) (*Server, error) {
	here := append([]routeDef{t.alive}, t.service...)
	if at.admin == "" {
		here = append(here, t.admin...)
	}
	if err := s.addRoutes(here); err != nil {
		return nil, err
	}
	secure := func(l net.Listener) net.Listener { return l }
	if at.certificate.Enabled() {
		loaded, err := certificate.Load(at.certificate, s.log)
		if err != nil {
			return nil, domain.NotStarted("certificate", err).WithOp("httpserver.listen")
		}
		secure = loaded.Secure
	}
	server, err := listen(s, net.JoinHostPort(at.host, strconv.Itoa(at.port)), b)
	if err != nil {
		return nil, err
	}
	server.listener = secure(server.listener)
	if at.admin == "" {
		return server, nil
	}
	if server.admin, err = s.openAdmin(slices.Concat([]routeDef{t.alive}, t.admin, t.operators), at.admin); err != nil {
		_ = server.listener.Close() // the start has failed anyway
		return nil, err
	}
	server.admin.listener = secure(server.admin.listener)
	return server, nil
}

// openAdmin creates the admin server. It has its own router and shares all other
// parts.
func (s *router) openAdmin(table []routeDef, address string) (*Server, error) {
	admin, err := newRouter(&middleware{
		responder: &responder{service: s.service, log: s.log, observer: s.observer}, tracer: s.tracer, origins: s.origins, proxies: s.proxies,
		operators: s.operators,
	})
	if err != nil {
		return nil, err
	}
	if err := admin.addRoutes(table); err != nil {
		return nil, err
	}
	return listen(admin, address, connLimits{
		headerBytes: adminHeaderBytes, header: adminHeaderTime, answer: adminAnswerTime, idle: adminIdleTime,
	})
}
