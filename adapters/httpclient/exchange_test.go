package httpclient_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/domain"
)

// send sends a body of the given size and returns the status.
func send(ctx context.Context, f *httpclient.Forwarder, target string, size int, known bool) (int, error) {
	var body io.Reader = strings.NewReader(strings.Repeat("x", size))
	if !known {
		body = io.MultiReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, body)
	if err != nil {
		return 0, err
	}
	res, err := f.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// TestAResponseBeforeTheBodyIsSentIsRead: the client reads it although it could not write the
// rest of the request.
func TestAResponseBeforeTheBodyIsSentIsRead(t *testing.T) {
	for _, known := range []bool{true, false} {
		for _, size := range []int{100_000, 5 << 20} {
			p := serveRaw(t, func(c net.Conn, _ *http.Request, _, _ int) bool {
				write(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
				return false
			})
			f := forwarder(t, 10*time.Second)
			for range 50 {
				status, err := send(t.Context(), f, p.url, size, known)
				require.NoError(t, err, "%d %v", size, known)
				require.Equal(t, 413, status)
			}
		}
	}
}

func TestRequestBodiesAreNotReadAfterTheirExchange(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	for name, act := range map[string]func(net.Conn, *http.Request, int, int) bool{
		"responds early": func(c net.Conn, _ *http.Request, _, _ int) bool { write(c, goodBatch); <-hang; return false },
		"hangs":          func(net.Conn, *http.Request, int, int) bool { <-hang; return false },
		"resets":         func(net.Conn, *http.Request, int, int) bool { return false },
		"no HTTP":        func(c net.Conn, _ *http.Request, _, _ int) bool { write(c, "HELLO\r\n\r\n"); <-hang; return false },
		"no body": func(c net.Conn, _ *http.Request, _, _ int) bool {
			write(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
			<-hang
			return false
		},
	} {
		p := serveRaw(t, act)
		f := forwarder(t, 200*time.Millisecond)
		out, in := io.Pipe()
		body := &observedBody{PipeReader: out}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url, body)
		require.NoError(t, err)
		written := make(chan struct{})
		go func() {
			defer close(written)
			_, _ = io.WriteString(in, "some") // the body may be closed already
		}()
		res, err := f.RoundTrip(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
		require.Zero(t, body.reading.Load(), name)
		require.True(t, body.closed.Load(), name)
		_, err = in.Write([]byte("more"))
		require.ErrorIs(t, err, io.ErrClosedPipe, name)
		<-written
	}
}

// observedBody records whether it is being read.
type observedBody struct {
	*io.PipeReader
	reading atomic.Int64
	closed  atomic.Bool
}

func (b *observedBody) Read(p []byte) (int, error) {
	b.reading.Add(1)
	defer b.reading.Add(-1)
	return b.PipeReader.Read(p)
}

func (b *observedBody) Close() error {
	b.closed.Store(true)
	return b.PipeReader.Close()
}

// TestAReadIsSentAtMostTwice: on new and on reused connections.
func TestAReadIsSentAtMostTwice(t *testing.T) {
	for _, healthy := range []int{0, 1} {
		var requests atomic.Int64
		p := serveRaw(t, func(c net.Conn, r *http.Request, _, _ int) bool {
			if requests.Add(1) <= int64(healthy) {
				write(c, goodBatch)
				return true
			}
			return false
		})
		client, f := p.client(t), forwarder(t, time.Second)
		for name, get := range map[string]func() error{
			"small call": func() error {
				_, err := client.Status(t.Context(), anna(), "b1")
				return err
			},
			"forwarded": func() error {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url, http.NoBody)
				require.NoError(t, err)
				res, err := f.RoundTrip(req)
				if err == nil {
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
				}
				return err
			},
		} {
			requests.Store(0)
			for range healthy {
				require.NoError(t, get())
			}
			require.Equal(t, domain.ConnectionError, domain.CodeOf(get()), name)
			require.Equal(t, int64(healthy+2), requests.Load(), "%s after %d", name, healthy)
		}
	}
}

func TestUnwantedBodiesAreNotAwaited(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	for _, status := range []int{400, 401, 404, 500, 503} {
		for _, framing := range []string{"Content-Length: 9\r\n\r\n", "Content-Length: 9\r\n\r\npart", "Transfer-Encoding: chunked\r\n\r\n", "\r\n"} {
			p := serveRaw(t, func(c net.Conn, _ *http.Request, _, _ int) bool {
				write(c, fmt.Sprintf("HTTP/1.1 %d No\r\n", status)+framing)
				<-hang
				return false
			})
			started := time.Now()
			_, err := p.client(t).Status(t.Context(), anna(), "b1")
			require.NotEqual(t, domain.Timeout, domain.CodeOf(err), "%d %q", status, framing)
			require.Less(t, time.Since(started), 2*time.Second)
		}
	}
}

// TestResponseHeadsAreBounded: with the heads of interim responses.
func TestResponseHeadsAreBounded(t *testing.T) {
	line := "X: " + strings.Repeat("x", 1000) + "\r\n"
	for _, endless := range []string{"HTTP/1.1 200 OK\r\n" + strings.Repeat(line, 1000), strings.Repeat("HTTP/1.1 103 Hints\r\n"+line+"\r\n", 1000)} {
		p := serveRaw(t, func(c net.Conn, _ *http.Request, _, _ int) bool { write(c, endless); return false })
		_, err := send(t.Context(), forwarder(t, 5*time.Second), p.url, 1, true)
		require.Equal(t, domain.InvalidResponse, domain.CodeOf(err), err)
	}
}
