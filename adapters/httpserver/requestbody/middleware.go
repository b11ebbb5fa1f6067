package requestbody

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Middleware gives each request a Body, the only reader of what the client sends.
type Middleware struct {
	inner http.Handler
	// draining ends when the server stops. It shortens the wait for bodies.
	draining context.Context
	// readTimeout bounds the reading of a body by its handler.
	readTimeout time.Duration
	buffers     Buffers
	// drains counts the connections that are read after their answer.
	drains sync.WaitGroup
}

// NewMiddleware wraps inner. readTimeout bounds how long a handler may read a body, from the
// start of the request; streams have their own limits. draining ends when the server stops: a
// streamed body then has five seconds without progress, another body five seconds in total.
func NewMiddleware(draining context.Context, inner http.Handler, readTimeout time.Duration) *Middleware {
	return &Middleware{inner: inner, draining: draining, readTimeout: readTimeout}
}

// ServeHTTP calls the wrapped handler. When it returns, no goroutine reads the body.
func (m *Middleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		m.inner.ServeHTTP(w, r)
		return
	}
	b := &Body{
		source: r.Body, conn: http.NewResponseController(w), middleware: m, length: r.ContentLength,
		expectsContinue: r.Header.Get("Expect") != "", startedAt: time.Now(),
	}
	// Without full duplex, net/http reads the whole body before it writes the header.
	_ = b.conn.EnableFullDuplex() // HTTP/2 needs no permission
	r.Body = b
	returned := false
	defer func() { b.finish(returned, r) }()
	m.inner.ServeHTTP(&bodyWriter{ResponseWriter: w, body: b, request: r}, r)
	returned = true
}

// Wait blocks until no connection is read after its answer. It returns within a second
// of the start of the drain.
func (m *Middleware) Wait() { m.drains.Wait() }
