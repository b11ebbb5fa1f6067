package httpserver

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// fixedHeaders are constant header values. All answers share them, so they must not
// be modified.
type fixedHeaders struct {
	nosniff, noStore, json, html, script, close []string
}

func newFixedHeaders() fixedHeaders {
	return fixedHeaders{
		nosniff: []string{"nosniff"},
		noStore: []string{"no-store"},
		json:    []string{"application/json"},
		html:    []string{"text/html; charset=utf-8"},
		script:  []string{"text/javascript; charset=utf-8"},
		close:   []string{"close"},
	}
}

// setCommonHeaders sets the headers of every answer, also of a protocol switch.
func (s *router) setCommonHeaders(c *gin.Context, x *requestState) {
	ids := []string{x.trail.CorrelationID, x.trail.RequestID, x.span.SpanContext().TraceID().String()}
	h := c.Writer.Header()
	h["X-Correlation-Id"] = ids[0:1:1]
	h["X-Request-Id"] = ids[1:2:2]
	h["X-Trace-Id"] = ids[2:3:3]
	h["X-Content-Type-Options"] = s.fixedHeaders.nosniff
	h["Cache-Control"] = s.fixedHeaders.noStore
	if c.Request.Header.Get("Upgrade") == "" {
		s.announceClose(h)
	}
}

// announceClose adds "Connection: close" while the server retires, so that the
// client reconnects to another node. It is called again when a slow answer begins,
// because the server may have begun to retire meanwhile.
func (s *router) announceClose(h http.Header) {
	if told := h["Connection"]; s.retiring.Load() && !slices.Contains(told, "close") {
		h["Connection"] = append(slices.Clip(told), s.fixedHeaders.close...)
	}
}

// exposedHeaders returns the headers that pages of other origins may read.
func exposedHeaders() string {
	return strings.Join([]string{
		"X-Correlation-ID", "X-Request-ID", "X-Trace-ID", "Retry-After",
		"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset",
	}, ", ")
}
