package httpserver

import (
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/httpserver/proxy"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
)

// requestState is the state of one request in the middleware. Only the handler's
// goroutine uses it.
type requestState struct {
	endpoint *endpoint
	started  time.Time
	ids      domain.RequestContext
	// correlationReplaced reports that the client's correlation id was invalid.
	correlationReplaced bool
	span                trace.Span
	caller              domain.Caller
	// failure is the error that was answered, nil after a success.
	failure *domain.Error
	// handshake is the outcome of a switch of protocols.
	handshake delivery.Handshake
	// stack is the stack of a panic.
	stack []byte
	// status, unless 0, replaces the status of gin's writer: after a switch of protocols
	// and for a client that left.
	status int
}

type requestStateKey struct{}

// requestStateOf returns the state of the request. It is never nil after beginRequest.
func requestStateOf(c *gin.Context) *requestState {
	x, _ := c.Request.Context().Value(requestStateKey{}).(*requestState)
	return x
}

// proxyRequest returns the request for package proxy.
func proxyRequest(c *gin.Context) proxy.Request {
	x := requestStateOf(c)
	return proxy.Request{Request: c.Request, Caller: x.caller, Started: x.started, Endpoint: x.endpoint.template}
}
