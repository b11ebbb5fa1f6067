package httpserver

import (
	"sync"
	"time"

	"github.com/huleedu/edge/adapters/httpserver/clientip"
	"github.com/huleedu/edge/adapters/httpserver/operators"
	"github.com/huleedu/edge/domain"
)

// These limits end when a connection becomes a socket.
const (
	socketHeaderBytes = 32 << 10          // socketHeaderBytes limits the header of a request, in bytes.
	socketHeaderTime  = 10 * time.Second  // socketHeaderTime limits the reading of a request's header.
	socketAnswerTime  = 30 * time.Second  // socketAnswerTime limits a request and its answer.
	socketIdleTime    = 120 * time.Second // socketIdleTime is how long an idle connection stays open.
)

// NewWebSocket binds the notification service's addresses and prepares its
// routes; nothing is served yet. It returns CONFIGURATION_ERROR for settings
// that Problems would report and INITIALIZATION_FAILED when an address cannot
// be bound.
func NewWebSocket(parts WebSocketParts) (*Server, error) {
	for _, problem := range parts.Config.Problems(parts.Environment) {
		return nil, problem
	}
	trusted, err := clientip.ParseProxies(parts.Config.TrustedProxies)
	if err != nil {
		return nil, err
	}
	router, err := newRouter(&middleware{
		responder: &responder{service: domain.WebSocketService, log: parts.Log, observer: parts.Observer},
		tracer:    parts.Tracing.Tracer(scope), origins: newOriginPolicy(parts.Config.cors(), parts.Environment),
		proxies: trusted, operators: operators.NewGuard(parts.Config.AdminToken),
	})
	if err != nil {
		return nil, err
	}
	w := &sockets{responder: router.responder, WebSocketParts: parts, redis: &cachedProbe{probe: parts.Redis}, startedAt: time.Now()}
	w.docs = sync.OnceValues(newMessageDocs)
	return router.listenAll(w.tables(), listenAddr{parts.Config.Host, parts.Config.Port, parts.Config.AdminAddr, parts.Config.certificate()}, connLimits{
		headerBytes: socketHeaderBytes, header: socketHeaderTime, answer: socketAnswerTime, idle: socketIdleTime,
	})
}
