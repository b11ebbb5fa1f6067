package httpserver

import (
	"sync"
	"time"

	"github.com/huleedu/edge/adapters/httpserver/clientip"
	"github.com/huleedu/edge/domain"
)

// Limits of a connection before it becomes a socket.
const (
	socketHeaderBytes = 32 << 10
	socketHeaderTime  = 10 * time.Second
	socketAnswerTime  = 30 * time.Second
	socketIdleTime    = 120 * time.Second
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
		proxies: trusted,
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
