package httpserver

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// fixedHeaders are header values that never change. They are shared by all
// answers, so nobody may write into them.
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

// setCommonHeaders sets the headers that every answer carries, the answer of a switch
// of protocols included.
func (s *router) setCommonHeaders(c *gin.Context, x *requestState) {
	ids := []string{x.trail.Correlation, x.trail.Request, x.span.SpanContext().TraceID().String()}
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

// announceClose asks the client of a retiring server to connect anew, and so elsewhere.
// What takes its time is asked again when its answer begins: a server may have
// begun to retire meanwhile, and a client that was not told may send its next
// request just as its connection is closed.
func (s *router) announceClose(h http.Header) {
	if told := h["Connection"]; s.retiring.Load() && !slices.Contains(told, "close") {
		h["Connection"] = append(slices.Clip(told), s.fixedHeaders.close...)
	}
}

// exposedHeaders are what pages of other origins may read of an answer.
func exposedHeaders() string {
	return strings.Join([]string{
		"X-Correlation-ID", "X-Request-ID", "X-Trace-ID", "Retry-After",
		"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset",
	}, ", ")
}
