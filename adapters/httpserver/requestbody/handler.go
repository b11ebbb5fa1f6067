package requestbody

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Handler is the middleware that gives each request with a body its owner.
type Handler struct {
	inner http.Handler
	// draining ends when the server stops. It shortens the wait for bodies.
	draining context.Context
	// readTimeout bounds the reading of a body by its handler.
	readTimeout time.Duration
	buffers     Buffers
	// drains counts the connections that are read after their answer.
	drains sync.WaitGroup
}

// NewHandler wraps inner. draining ends when the server stops; a streamed body then
// has five seconds without progress, and another one five seconds in total. readTimeout bounds how long a handler may read a body, from
// the start of the request; streams have their own limits.
func NewHandler(draining context.Context, inner http.Handler, readTimeout time.Duration) *Handler {
	return &Handler{inner: inner, draining: draining, readTimeout: readTimeout}
}

// ServeHTTP calls the wrapped handler. When it returns, no goroutine reads the body.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		h.inner.ServeHTTP(w, r)
		return
	}
	b := &Body{
		source: r.Body, conn: http.NewResponseController(w), handler: h, length: r.ContentLength,
		expectsContinue: r.Header.Get("Expect") != "", startedAt: time.Now(),
	}
	// Without full duplex, net/http reads the whole body before it writes the header.
	_ = b.conn.EnableFullDuplex() // HTTP/2 needs no permission
	r.Body = b
	returned := false
	defer func() { b.finish(returned, r) }()
	h.inner.ServeHTTP(&bodyWriter{ResponseWriter: w, body: b, request: r}, r)
	returned = true
}

// Wait blocks until no connection is read after its answer. It returns within a second
// of the start of the drain.
func (h *Handler) Wait() { h.drains.Wait() }
