package sse

import (
	"bytes"
	"net/http"
	"time"
)

// setHeader adds the headers of an event stream. X-Accel-Buffering tells proxies to pass
// each event on at once.
func setHeader(h http.Header) {
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
}

// responseHead returns the head of the response on a hijacked connection. The end of the
// connection is the end of the stream.
func responseHead(h http.Header) []byte {
	setHeader(h)
	h.Set("Connection", "close")
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 200 OK\r\n")
	_ = h.Write(&b) // a buffer takes everything
	b.WriteString("\r\n")
	return b.Bytes()
}
