package transport

import (
	"bytes"
	"errors"
	"net/http"
)

// maxHead is the largest head of a response, in bytes, with the interim responses before it.
const maxHead = 64 << 10

// maxKeptHead is the largest buffer for heads that an idle connection keeps, in bytes.
const maxKeptHead = 4 << 10

var (
	errMalformed    = errors.New("malformed HTTP/1.1 response")
	errHeadTooLarge = errors.New("response head is too large")
)

// headReader reads from the connection. While the head is read, it keeps what it read, up to
// maxHead bytes.
type headReader struct{ c *conn }

// Read returns errHeadTooLarge if the head has more than maxHead bytes.
func (r headReader) Read(p []byte) (int, error) {
	c := r.c
	if !c.inHead {
		return c.Read(p)
	}
	room := maxHead - len(c.head)
	if room == 0 {
		return 0, errHeadTooLarge
	}
	n, err := c.Read(p[:min(len(p), room)])
	c.head = append(c.head, p[:n]...)
	return n, err
}

// readResponse reads the head of a response and skips interim responses. It refuses 101,
// because no request asks for another protocol, and a length beside chunks, because other
// readers could end the body elsewhere.
func (e *exchange) readResponse(req *http.Request) (*http.Response, error) {
	c := e.conn
	c.inHead = true
	defer c.endHead()
	if _, err := c.reader.Peek(1); err != nil {
		return nil, err
	}
	e.started = true
	for {
		begin := len(c.head) - c.reader.Buffered()
		res, err := http.ReadResponse(c.reader, req)
		switch {
		case err != nil:
			return nil, err
		case res.StatusCode < http.StatusContinue, res.StatusCode == http.StatusSwitchingProtocols,
			res.TransferEncoding != nil && hasLength(c.head[begin:len(c.head)-c.reader.Buffered()]):
			return nil, errMalformed
		case res.StatusCode >= http.StatusOK:
			return res, nil
		}
	}
}

// endHead discards the recorded head. It reuses a small buffer for the next response.
func (c *conn) endHead() {
	c.inHead, c.head = false, c.head[:0]
	if cap(c.head) > maxKeptHead {
		c.head = nil
	}
}

// hasLength reports whether a head has the field Content-Length. net/http removes it from a
// response with chunks.
func hasLength(head []byte) bool {
	return bytes.Contains(bytes.ToLower(head), []byte("\ncontent-length:"))
}
