package httpserver

import (
	"slices"
	"sync"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/httpserver/clientip"
	"github.com/huleedu/edge/adapters/httpserver/operators"
	"github.com/huleedu/edge/adapters/httpserver/proxy"
	"github.com/huleedu/edge/adapters/httpserver/upload"
	"github.com/huleedu/edge/api"
	"github.com/huleedu/edge/domain"
)

// NewGateway binds the gateway's addresses and prepares its routes; nothing is
// served yet. It returns CONFIGURATION_ERROR for settings that Problems would
// report and INITIALIZATION_FAILED when an address cannot be bound.
func NewGateway(parts GatewayParts) (*Server, error) {
	c := parts.Config
	for _, problem := range slices.Concat(c.Problems(parts.Environment), c.Limits.Problems(parts.Environment), c.Uploads.Problems(parts.Environment)) {
		return nil, problem
	}
	trusted, err := clientip.ParseProxies(c.TrustedProxies)
	if err != nil {
		return nil, err
	}
	tracer := parts.Tracing.Tracer(scope)
	router, err := newRouter(&middleware{
		responder: &responder{service: domain.GatewayService, log: parts.Log, observer: parts.Observer},
		tracer:    tracer, origins: newOriginPolicy(c.cors(), parts.Environment), proxies: trusted,
		limits: newLimits(parts.Limiter, c.Limits), authentication: parts.Authentication,
		operators: operators.NewGuard(c.AdminToken),
	})
	if err != nil {
		return nil, err
	}
	g, err := newGateway(parts, router, proxy.HeaderRules{Trusted: trusted, ForwardAuthorization: c.ForwardAuthorization}, tracer)
	if err != nil {
		return nil, err
	}
	return router.listenAll(g.tables(), listenAddr{c.Host, c.Port, c.AdminAddr, c.certificate()}, connLimits{
		headerBytes: c.MaxHeaderBytes, header: c.HeaderTimeout, answer: c.AnswerTimeout, idle: c.IdleTimeout,
	})
}

// newGateway creates the handlers and the services that they pass requests on to.
func newGateway(parts GatewayParts, router *router, headers proxy.HeaderRules, tracer trace.Tracer) (*gateway, error) {
	g := &gateway{responder: router.responder, GatewayParts: parts, memoryBudget: domain.NewMemoryBudget(maxBufferedAnswers)}
	var files *proxy.Backend
	for _, s := range []struct {
		to                      **proxy.Backend
		upstream                Upstream
		name, operation, prefix string
	}{
		{&g.classes, parts.Classes, domain.ClassManagement, "proxy_classes", "/v1/classes"},
		{&g.teacher, parts.Teacher, domain.TeacherBFF, "proxy_teacher", "/bff/v1/teacher"},
		{&files, parts.Files, domain.FileService, "upload_files", ""},
	} {
		var err error
		*s.to, err = proxy.NewBackend(proxy.BackendParts{
			Name: s.name, Operation: s.operation, Prefix: s.prefix, URL: s.upstream.URL, Transport: s.upstream.Transport,
			Tracer: tracer, Observer: parts.Observer,
		})
		if err != nil {
			return nil, err
		}
	}
	g.uploader = upload.New(files, headers, upload.Limits(parts.Config.Uploads))
	g.forwarder = proxy.NewForwarder(proxy.ForwarderParts{
		Headers: headers, Services: parts.Services, Idle: parts.StreamIdle, Timeout: parts.Config.Uploads.Timeout,
		Draining: router.draining, AnnounceClose: router.announceClose,
	})
	g.description = sync.OnceValues(func() ([]byte, error) { return documentJSON(api.OpenAPI()) })
	return g, nil
}
