package httpserver

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// scope names this package's spans.
const scope = "github.com/huleedu/edge/adapters/httpserver"

// router holds what all routes of one service share. Only retiring, draining and
// activeDrains change after the server is built.
type router struct {
	service  domain.Service
	log      *slog.Logger
	observer ports.Observer
	tracer   trace.Tracer
	// authentication is nil if no route needs a caller.
	authentication *app.Authentication
	origins        *originPolicy
	// network returns a request's client network.
	network func(*http.Request) string
	// limits is nil if no route has a limit.
	limits *limits

	// retiring makes every answer announce the close.
	retiring atomic.Bool
	// draining is cancelled by drain when the server stops. It ends event streams and
	// shortens the wait for bodies.
	draining context.Context
	drain    context.CancelFunc
	// activeDrains counts the connections that are read after their answer.
	activeDrains sync.WaitGroup
	// readTimeout bounds the reading of a request's body by its handler.
	readTimeout time.Duration
	buffers     bufferPool

	engine       *gin.Engine
	routeList    []Route
	fixedHeaders fixedHeaders
}

// setUpEngine creates the gin engine. Paths are matched as they were sent, so that an
// encoded slash never becomes a separator, and nothing is redirected.
func (s *router) setUpEngine() error {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.UseRawPath = true
	e.UseEscapedPath = true
	e.UnescapePathValues = false // gin reads + as a space; see pathValue
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	e.HandleMethodNotAllowed = true
	if err := e.SetTrustedProxies(nil); err != nil { // proxyList knows better
		return domain.NotStarted("router", err)
	}
	s.engine = e
	s.draining, s.drain = context.WithCancel(context.Background())
	s.fixedHeaders = newFixedHeaders()
	e.NoRoute(s.chain(routeDef{caller: Anyone, handle: noRoute})...)
	e.NoMethod(s.chain(routeDef{caller: Anyone, handle: noMethod})...)
	return nil
}

func noRoute(c *gin.Context) error {
	return &domain.Error{
		Code: domain.ResourceNotFound, Message: "Route not found",
		Details: map[string]any{"resource_type": "route", "resource_id": truncateASCII(c.Request.URL.EscapedPath())},
	}
}

func noMethod(*gin.Context) error {
	return &domain.Error{Code: domain.InvalidRequest, Kind: domain.WrongMethod, Message: "Method not allowed"}
}

// truncateASCII returns at most the first 100 bytes of an ASCII text, for error
// answers and log lines.
func truncateASCII(escaped string) string {
	const limit = 100
	return escaped[:min(len(escaped), limit)]
}
