package httpserver_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/test/tcp"
)

// received is a request as a service reads it that does not check names: the first line, the body, and each
// header and trailer as a CGI or WSGI variable.
type received struct {
	line string
	env  map[string][]string
	body string
}

func (r *received) target() string {
	_, rest, _ := strings.Cut(r.line, " ")
	target, _, _ := strings.Cut(rest, " ")
	return target
}

// variable returns the CGI name of a header.
func variable(name string) string {
	folded := []byte(strings.ToUpper(name))
	for i, c := range folded {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			folded[i] = '_'
		}
	}
	return string(folded)
}

// backend is a service that reads raw bytes, keeps every request and answers 200 "ok".
type backend struct {
	url string

	mu     sync.Mutex
	seen   []*received
	cutOff int // requests that ended early
}

// drain returns the requests since its last call.
func (b *backend) drain() []*received {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := b.seen
	b.seen = nil
	return seen
}

func (b *backend) incomplete() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cutOff
}

func newBackend(tb testing.TB) *backend {
	tb.Helper()
	b := &backend{}
	b.url = "http://" + tcp.Serve(tb, b.serve)
	return b
}

func (b *backend) serve(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		r, err := readRaw(in)
		b.mu.Lock()
		if err == nil {
			b.seen = append(b.seen, r)
		} else if r != nil {
			b.cutOff++
		}
		b.mu.Unlock()
		if err != nil {
			return
		}
		answer := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
		if strings.HasPrefix(r.line, "HEAD ") {
			answer = strings.TrimSuffix(answer, "ok")
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

// readRaw reads one request. With an error, a non-nil request had begun.
func readRaw(in *bufio.Reader) (*received, error) {
	text := textproto.NewReader(in)
	line, err := text.ReadLine()
	if err != nil {
		return nil, err
	}
	r := &received{line: line, env: map[string][]string{}}
	if err := r.headers(text); err != nil {
		return r, err
	}
	var body io.Reader = strings.NewReader("")
	if length := r.env["CONTENT_LENGTH"]; len(length) > 0 {
		n, err := strconv.ParseInt(length[0], 10, 64)
		if err != nil {
			return r, err
		}
		body = io.LimitReader(in, n)
	} else if len(r.env["TRANSFER_ENCODING"]) > 0 {
		body = httputil.NewChunkedReader(in)
	}
	complete, err := io.ReadAll(body)
	r.body = string(complete)
	if err != nil {
		return r, err
	}
	if length := r.env["CONTENT_LENGTH"]; len(length) > 0 && length[0] != strconv.Itoa(len(complete)) {
		return r, io.ErrUnexpectedEOF
	}
	if len(r.env["TRANSFER_ENCODING"]) > 0 {
		err = r.headers(text)
		return r, err
	}
	return r, nil
}

// headers reads lines up to an empty one.
func (r *received) headers(text *textproto.Reader) error {
	for {
		line, err := text.ReadLine()
		if err != nil || line == "" {
			return err
		}
		name, value, found := strings.Cut(line, ":")
		if !found {
			return errors.New("no header: " + line)
		}
		key := variable(name)
		r.env[key] = append(r.env[key], strings.TrimSpace(value))
	}
}

// withTransport makes the gateway forward to these addresses through net/http's transport.
func withTransport(tb testing.TB, classes, teacher string) change {
	tb.Helper()
	transport := func() http.RoundTripper {
		pool := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}
		tb.Cleanup(pool.CloseIdleConnections)
		return pool
	}
	return with(func(p *httpserver.GatewayParts) {
		p.Classes = httpserver.Upstream{URL: classes, Transport: transport()}
		p.Teacher = httpserver.Upstream{URL: teacher, Transport: transport()}
	})
}

// withService makes the gateway forward to one address.
func withService(tb testing.TB, address string) change {
	tb.Helper()
	return withTransport(tb, address, address)
}

// newServedEnvironment returns a gateway in front of a handler.
func newServedEnvironment(t *testing.T, h http.HandlerFunc, changes ...change) *environment {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return newEnvironment(t, append([]change{withService(t, s.URL)}, changes...)...)
}
