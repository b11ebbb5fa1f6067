package httpserver_test

import (
	"bufio"
	"context"
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

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
)

// received is a request as a service without any care for framing details saw
// it: the first line, the body, and every header and trailer as a variable, its
// name folded the way CGI and WSGI fold.
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

// variable folds a header's name.
func variable(name string) string {
	folded := []byte(strings.ToUpper(name))
	for i, c := range folded {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			folded[i] = '_'
		}
	}
	return string(folded)
}

// backend is a service that reads raw bytes and remembers every request. It
// answers 200 "ok".
type backend struct {
	url string

	mu   sync.Mutex
	seen []*received
	part int // requests that ended before they were whole
}

// take forgets and returns what came since it was last asked.
func (b *backend) take() []*received {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := b.seen
	b.seen = nil
	return seen
}

func (b *backend) parts() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.part
}

func newBackend(tb testing.TB) *backend {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	b := &backend{url: "http://" + l.Addr().String()}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { b.serve(conn) })
		}
	})
	tb.Cleanup(func() { _ = l.Close(); work.Wait() })
	return b
}

func (b *backend) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for {
		r, err := readRaw(in)
		b.mu.Lock()
		if err == nil {
			b.seen = append(b.seen, r)
		} else if r != nil {
			b.part++
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

// readRaw reads one request; with an error, a request that is not nil had
// begun.
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
	whole, err := io.ReadAll(body)
	r.body = string(whole)
	if err != nil {
		return r, err
	}
	if length := r.env["CONTENT_LENGTH"]; len(length) > 0 && length[0] != strconv.Itoa(len(whole)) {
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

// passing lets a world pass classes and the teachers' backend on.
func passing(tb testing.TB, classes, teacher string) func(*world, *httpserver.GatewayParts) {
	tb.Helper()
	transport := func() http.RoundTripper {
		pool := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}
		tb.Cleanup(pool.CloseIdleConnections)
		return pool
	}
	return func(_ *world, p *httpserver.GatewayParts) {
		p.Classes = httpserver.Upstream{URL: classes, Transport: transport()}
		p.Teacher = httpserver.Upstream{URL: teacher, Transport: transport()}
	}
}

// served is a gateway in front of a handler.
func served(t *testing.T, h http.HandlerFunc, changes ...func(*world, *httpserver.GatewayParts)) *world {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return newWorld(t, append([]func(*world, *httpserver.GatewayParts){passing(t, s.URL, s.URL)}, changes...)...)
}
