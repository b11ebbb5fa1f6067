package eventstream

import (
	"bytes"
	"net/http"
	"time"
)

// SetHeader adds the headers of an event stream. X-Accel-Buffering tells proxies to pass
// each event on at once.
func SetHeader(h http.Header) {
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
}

// Head returns the first bytes of the response on a hijacked connection: its head with the
// headers, and the time after which the client reconnects. The end of the connection is the
// end of the stream.
func Head(h http.Header) []byte {
	SetHeader(h)
	h.Set("Connection", "close")
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 200 OK\r\n")
	_ = h.Write(&b) // a buffer takes everything
	b.WriteString("\r\n")
	return appendRetry(b.Bytes())
}
