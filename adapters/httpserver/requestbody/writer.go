package requestbody

import (
	"bufio"
	"net"
	"net/http"
	"slices"
	"time"
)

// bodyWriter is the ResponseWriter of a request with a body. Before it writes the
// header it decides whether the connection is reused.
type bodyWriter struct {
	http.ResponseWriter
	body    *Body
	request *http.Request
}

// Unwrap returns net/http's own writer.
func (w *bodyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader adds "Connection: close" unless the body was read to its end.
func (w *bodyWriter) WriteHeader(status int) {
	if status >= http.StatusOK && !w.body.written {
		w.prepareHeader(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *bodyWriter) prepareHeader(status int) {
	w.body.written = true
	h := w.Header()
	if sent := h["Connection"]; !w.body.drainBeforeHeader() && !slices.Contains(sent, "close") {
		h["Connection"] = append(slices.Clip(sent), "close")
	}
	bodyless := status == http.StatusNoContent || status == http.StatusNotModified || w.request.Method == http.MethodHead
	w.body.chunked = !bodyless && h.Get("Content-Length") == "" && w.request.ProtoAtLeast(1, 1)
	_ = w.body.conn.SetWriteDeadline(time.Now().Add(WriteIdleTimeout)) // a writer without deadlines has no client
}

// Write writes the header first if it was not written.
func (w *bodyWriter) Write(p []byte) (int, error) {
	if !w.body.written {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// Flush sends buffered data to the client.
func (w *bodyWriter) Flush() { _ = w.FlushError() }

// FlushError is Flush with an error.
func (w *bodyWriter) FlushError() error {
	if !w.body.written {
		w.WriteHeader(http.StatusOK)
	}
	return w.body.conn.Flush()
}

// Hijack transfers the connection to the caller. It ends the reading of the body.
func (w *bodyWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.body.stopStream()
	conn, rw, err := w.body.conn.Hijack()
	w.body.hijacked = err == nil
	return conn, rw, err
}
