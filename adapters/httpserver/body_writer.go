package httpserver

import (
	"bufio"
	"net"
	"net/http"
	"slices"
	"time"
)

// bodyWriter is the answer's writer of a request with a body. Before the header
// it decides what becomes of the connection.
type bodyWriter struct {
	http.ResponseWriter
	body    *requestBody
	request *http.Request
}

// Unwrap leads to net/http's own writer.
func (w *bodyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader announces the close unless the body was read to its clean end.
func (w *bodyWriter) WriteHeader(status int) {
	if status >= http.StatusOK && !w.body.written {
		w.prepareHeader(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *bodyWriter) prepareHeader(status int) {
	w.body.written = true
	h := w.Header()
	if told := h["Connection"]; !w.body.drainBeforeHeader() && !slices.Contains(told, "close") {
		h["Connection"] = append(slices.Clip(told), "close")
	}
	bodyless := status == http.StatusNoContent || status == http.StatusNotModified || w.request.Method == http.MethodHead
	w.body.chunked = !bodyless && h.Get("Content-Length") == "" && w.request.ProtoAtLeast(1, 1)
	_ = w.body.conn.SetWriteDeadline(time.Now().Add(writeIdleTimeout)) // a writer without deadlines has no client
}

// Write begins the answer if that has not begun.
func (w *bodyWriter) Write(p []byte) (int, error) {
	if !w.body.written {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// Flush sends what was written.
func (w *bodyWriter) Flush() {
	if !w.body.written {
		w.WriteHeader(http.StatusOK)
	}
	_ = w.body.conn.Flush()
}

// FlushError is Flush that says why it failed.
func (w *bodyWriter) FlushError() error {
	if !w.body.written {
		w.WriteHeader(http.StatusOK)
	}
	return w.body.conn.Flush()
}

// Hijack hands the connection over. The new owner does not get the body.
func (w *bodyWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.body.stopPump()
	conn, rw, err := w.body.conn.Hijack()
	w.body.hijacked = err == nil
	return conn, rw, err
}
