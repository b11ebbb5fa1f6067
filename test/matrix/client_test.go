package matrix_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// bound limits every exchange.
const bound = 30 * time.Second

// shortPause is the default pause between the parts of a slow body.
const shortPause = 100 * time.Millisecond

var (
	errSilent = errors.New("no response in time")
	errClosed = errors.New("closed without a response")
)

// result is one response as the client received it.
type result struct {
	status int
	code   string // error code of the gateway, otherwise ""
	header http.Header
	body   string
	head   bool // the response to HEAD, which has no body and so no code
	cut    bool // the connection ended within the response
	closes bool // the response has Connection: close
	err    error
}

func (r result) String() string {
	switch {
	case r.err != nil:
		return r.err.Error()
	case r.cut:
		return fmt.Sprintf("%d, cut", r.status)
	case r.code != "":
		return fmt.Sprintf("%d %s", r.status, r.code)
	default:
		return fmt.Sprintf("%d %q", r.status, oneLine(r.body))
	}
}

// client is a raw connection to the gateway.
type client struct {
	conn  net.Conn
	in    *bufio.Reader
	pause time.Duration // between the parts of a request
	sent  chan struct{} // closed when everything is written
}

func dial(addr string) (*client, error) {
	conn, err := net.DialTimeout("tcp", addr, bound)
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadDeadline(time.Now().Add(bound))
	return &client{conn: conn, in: bufio.NewReader(conn), pause: shortPause}, nil
}

// send writes the parts on another goroutine, so that a response can be read while the request is still being
// written. Write errors are ignored, because a gateway that has responded may stop reading.
func (c *client) send(parts ...string) {
	c.sent = make(chan struct{})
	go func() {
		defer close(c.sent)
		ticker := time.NewTicker(c.pause)
		defer ticker.Stop()
		for n, part := range parts {
			if n > 0 {
				<-ticker.C
			}
			if _, err := io.WriteString(c.conn, part); err != nil {
				return
			}
		}
	}()
}

// close closes the connection and waits for the writer.
func (c *client) close() {
	_ = c.conn.Close()
	if c.sent != nil {
		<-c.sent
	}
}

// read reads one complete response. It skips informational responses.
func (c *client) read(method string) result {
	for {
		response, err := http.ReadResponse(c.in, &http.Request{Method: method})
		if err != nil {
			return result{err: reason(err)}
		}
		if response.StatusCode >= 100 && response.StatusCode < 200 {
			continue
		}
		content, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		out := result{
			status: response.StatusCode, header: response.Header, body: string(content),
			head: method == http.MethodHead, closes: response.Close,
		}
		if err != nil && timedOut(err) {
			out.err = fmt.Errorf("%w in the body of a %d", errSilent, out.status)
		}
		out.cut = err != nil
		out.code = codeOf(out)
		return out
	}
}

// ended returns nil if the connection has ended, and otherwise an error with the bytes that follow.
func (c *client) ended() error {
	more, err := c.in.ReadByte()
	switch {
	case err == nil:
		rest := make([]byte, min(c.in.Buffered(), 60))
		_, _ = io.ReadFull(c.in, rest)
		return fmt.Errorf("more bytes: %q", string(more)+string(rest))
	case timedOut(err):
		return errSilent
	default:
		return nil
	}
}

// reason returns errSilent or errClosed for the errors of a timeout and of an ended connection.
func reason(err error) error {
	switch {
	case timedOut(err):
		return errSilent
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errClosed
	default:
		return err
	}
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// codeOf returns the code of an error response of the gateway, or "".
func codeOf(r result) string {
	var in struct {
		Error map[string]json.RawMessage `json:"error"`
	}
	if json.Unmarshal([]byte(r.body), &in) != nil || string(in.Error["service"]) != `"api_gateway_service"` {
		return ""
	}
	var code string
	for _, key := range []string{"code", "message", "correlation_id", "request_id", "timestamp", "details"} {
		if in.Error[key] == nil {
			return "MALFORMED: " + key + " is missing"
		}
	}
	_ = json.Unmarshal(in.Error["code"], &code)
	return code
}
