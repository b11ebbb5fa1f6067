package httpclient_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/tcp"
)

const goodBatch = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

// rawService is a service that writes its responses byte for byte.
type rawService struct {
	url string
	// closed receives a value for each connection that has ended.
	closed chan struct{}
	mu     sync.Mutex
	conns  int
}

// serveRaw starts a service. respond is called for each request with its connection, the
// number of connections before that and the number of requests on it. It returns false to
// close the connection.
func serveRaw(t *testing.T, respond func(c net.Conn, r *http.Request, conn, request int) bool) *rawService {
	t.Helper()
	s := &rawService{closed: make(chan struct{}, 100)}
	s.url = "http://" + tcp.Serve(t, func(c net.Conn) {
		defer func() { _ = c.Close(); s.closed <- struct{}{} }()
		s.mu.Lock()
		conn := s.conns
		s.conns++
		s.mu.Unlock()
		in := bufio.NewReader(c)
		for n := 0; ; n++ {
			r, err := http.ReadRequest(in)
			if err != nil || !respond(c, r, conn, n) {
				return
			}
		}
	})
	return s
}

// serveText writes the same bytes on every connection and closes it.
func serveText(t *testing.T, raw string) string {
	t.Helper()
	return "http://" + tcp.Serve(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		write(c, raw)
	})
}

// connections returns how many connections were opened.
func (s *rawService) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns
}

func write(c net.Conn, text string) { _, _ = io.WriteString(c, text) }

func (s *rawService) client(t *testing.T, change ...func(*httpclient.Config)) *httpclient.PlatformClient {
	t.Helper()
	c := config(s.url, s.url)
	for _, f := range change {
		f(&c)
	}
	return newBatches(t, c, &memory.Facts{})
}

func TestAConnectionIsReused(t *testing.T) {
	p := serveRaw(t, func(c net.Conn, _ *http.Request, _, _ int) bool { write(c, goodBatch); return true })
	client := p.client(t)
	for range 5 {
		_, err := client.Status(t.Context(), anna(), "b1")
		require.NoError(t, err)
	}
	require.Equal(t, 1, p.connections())
	client.Close()
	<-p.closed
	_, err := client.Status(t.Context(), anna(), "b1")
	require.NoError(t, err, "Close closes only idle connections")
	<-p.closed
}

// TestAConnectionClosedWhileIdleIsNotUsed: the pool detects it before it sends anything, so that
// writes do not fail either.
func TestAConnectionClosedWhileIdleIsNotUsed(t *testing.T) {
	var requests sync.WaitGroup
	p := serveRaw(t, func(c net.Conn, r *http.Request, _, _ int) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		write(c, goodBatch)
		requests.Done()
		return false
	})
	client := p.client(t)
	for range 5 {
		requests.Add(1)
		_, err := client.SetPrompt(t.Context(), anna(), "b1", domain.PromptRef{})
		require.NoError(t, err)
		requests.Wait()
		<-p.closed
	}
	require.Equal(t, 5, p.connections())
}

func TestOnlyReadsAreRetriedOnAReusedConnection(t *testing.T) {
	act := func(c net.Conn, _ *http.Request, conn, n int) bool {
		if conn == 0 && n == 1 {
			return false
		}
		write(c, goodBatch)
		return true
	}
	p := serveRaw(t, act)
	client := p.client(t)
	for range 2 {
		_, err := client.Status(t.Context(), anna(), "b1")
		require.NoError(t, err)
	}
	require.Equal(t, 2, p.connections())

	p = serveRaw(t, act)
	client = p.client(t)
	_, err := client.SetPrompt(t.Context(), anna(), "b1", domain.PromptRef{})
	require.NoError(t, err)
	_, err = client.SetPrompt(t.Context(), anna(), "b1", domain.PromptRef{})
	require.Equal(t, domain.ConnectionError, domain.CodeOf(err))
	require.Equal(t, 1, p.connections(), "sent once")
}

func TestUnsolicitedResponsesReachNoCall(t *testing.T) {
	forged := "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"user_id\":\"eve\"}"
	for name, later := range map[string]bool{"with the response": false, "after it": true} {
		t.Run(name, func(t *testing.T) {
			sent := make(chan struct{}, 10)
			p := serveRaw(t, func(c net.Conn, _ *http.Request, _, _ int) bool {
				if later {
					write(c, goodBatch)
					time.AfterFunc(20*time.Millisecond, func() { write(c, forged); sent <- struct{}{} })
					return true
				}
				write(c, goodBatch+forged)
				sent <- struct{}{}
				return true
			})
			client := p.client(t)
			for i := range 3 {
				report, err := client.Status(t.Context(), anna(), "b1")
				require.NoError(t, err)
				require.Empty(t, report.Owner)
				<-sent
				require.Equal(t, i+1, p.connections())
			}
		})
	}
}

func TestAResponseIsReadBeforeTheRequestIsSent(t *testing.T) {
	release := make(chan struct{})
	p := serveRaw(t, func(c net.Conn, _ *http.Request, _, _ int) bool {
		write(c, "HTTP/1.1 413 Too Large\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
		<-release
		return false
	})
	client := p.client(t)
	ids := make([]string, 200_000)
	for i := range ids {
		ids[i] = strings.Repeat("e", 60)
	}
	reply, err := client.Register(t.Context(), anna(), domain.Registration{EssayIDs: ids})
	close(release)
	require.NoError(t, err)
	require.Equal(t, 413, reply.Status)
}

func TestALargeRequestArrivesWhole(t *testing.T) {
	s := serve(t, 201, `{}`)
	client := s.client(t)
	ids := []string{strings.Repeat("e", 1<<20)}
	for range 2 {
		_, err := client.Register(t.Context(), anna(), domain.Registration{EssayIDs: ids})
		require.NoError(t, err)
		require.Contains(t, string(s.received), ids[0])
	}
}

func TestASlowBodyIsReadUntilTheTimeout(t *testing.T) {
	rest := make(chan struct{})
	p := serveRaw(t, func(c net.Conn, _ *http.Request, _, _ int) bool {
		write(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{")
		<-rest
		write(c, "}")
		return true
	})
	client := p.client(t, func(c *httpclient.Config) { c.Timeout = 150 * time.Millisecond })
	_, err := client.Status(t.Context(), anna(), "b1")
	require.Equal(t, domain.Timeout, domain.CodeOf(err))

	ctx, leave := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, leave)
	_, err = client.Status(ctx, anna(), "b1")
	require.ErrorIs(t, err, context.Canceled)

	close(rest)
	_, err = client.Status(t.Context(), anna(), "b1")
	require.NoError(t, err)
	require.Equal(t, 3, p.connections())
}

func TestIPv6AddressesAndPathsAreUsed(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6")
	}
	hosts := make(chan string, 1)
	s := &httptest.Server{Listener: l, Config: &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			hosts <- r.Host + r.URL.EscapedPath()
			_, _ = io.WriteString(w, `{}`)
		})}}
	s.Start()
	t.Cleanup(s.Close)
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // the client uses no proxy
	client := newBatches(t, config(s.URL+"/behind%20it/", ""), &memory.Facts{})
	_, err = client.Status(t.Context(), anna(), "1 ä")
	require.NoError(t, err)
	require.Equal(t, l.Addr().String()+"/behind%20it/internal/v1/batches/1%20%C3%A4/status", <-hosts)
}
