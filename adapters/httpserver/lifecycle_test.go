package httpserver_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
)

// blockedPlatform is a platform that answers when release is closed or the caller leaves.
type blockedPlatform struct {
	*memory.Platform
	called    chan struct{}
	release   chan struct{}
	cancelled chan struct{}
}

func (s *blockedPlatform) Status(ctx context.Context, _ domain.Caller, _ domain.BatchID) (domain.BatchReport, error) {
	s.called <- struct{}{}
	select {
	case <-s.release:
		return domain.BatchReport{Owner: "u1", Overall: "ready", Document: []byte(`{}`)}, nil
	case <-ctx.Done():
		close(s.cancelled)
		return domain.BatchReport{}, domain.Unreachable("result_aggregator", ctx.Err())
	}
}

func newBlockedEnvironment(t *testing.T) (*environment, *blockedPlatform) {
	t.Helper()
	s := &blockedPlatform{called: make(chan struct{}), release: make(chan struct{}), cancelled: make(chan struct{})}
	w := newEnvironment(t, func(w *environment, p *httpserver.GatewayParts) {
		*p = gatewayParts(w, s, noop.NewTracerProvider())
	})
	return w, s
}

// startBlockedRequest sends a request that the platform holds.
func startBlockedRequest(t *testing.T) (*environment, *blockedPlatform, net.Conn) {
	t.Helper()
	w, s := newBlockedEnvironment(t)
	conn := dial(t, w.Addr())
	_, err := io.WriteString(conn, statusRequest)
	require.NoError(t, err)
	<-s.called
	return w, s, conn
}

const statusRequest = "GET /v1/batches/b1/status HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer u1\r\n\r\n"

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	return conn
}

// rawResponse is an answer that was read from a connection of the test.
type rawResponse struct {
	status int
	// last says that the connection ends with it.
	closes bool
}

func roundTrip(t *testing.T, conn net.Conn, request string) rawResponse {
	t.Helper()
	_, err := io.WriteString(conn, request)
	require.NoError(t, err)
	return readResponse(t, conn)
}

func readResponse(t *testing.T, conn net.Conn) rawResponse {
	t.Helper()
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	_, err = io.ReadAll(r.Body)
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	return rawResponse{r.StatusCode, r.Close}
}

// TestDisconnectedClientIsRecordedAs499 checks that a client that leaves causes no error.
func TestDisconnectedClientIsRecordedAs499(t *testing.T) {
	t.Parallel()
	w, s, conn := startBlockedRequest(t)
	require.NoError(t, conn.Close())
	<-s.cancelled
	require.Eventually(t, func() bool { return len(w.facts.served()) == 1 }, 5*time.Second, time.Millisecond)
	assert.Equal(t, []domain.RequestServed{{Method: "GET", Endpoint: "/v1/batches/{batch_id}/status", Status: 499}}, w.facts.served())
	assert.Empty(t, w.facts.failed())
	assert.Eventually(t, func() bool { return strings.Contains(w.log.String(), `"status":499`) }, 5*time.Second, time.Millisecond)
	assert.NotContains(t, w.log.String(), `"level":"ERROR"`)
}

// TestDisconnectWhileSendingIsRecordedAs499 checks a case that only a read of the body
// detects.
func TestDisconnectWhileSendingIsRecordedAs499(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for _, body := range []string{"Content-Length: 100\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n5\r\n{"} {
		conn := dial(t, w.Addr())
		_, err := io.WriteString(conn, "POST /v1/batches/b1/pipelines HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer u1\r\n"+body)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
	require.Eventually(t, func() bool { return len(w.facts.served()) == 2 }, tick*1000, tick)
	for _, s := range w.facts.served() {
		assert.Equal(t, domain.RequestServed{Method: "POST", Endpoint: "/v1/batches/{batch_id}/pipelines", Status: 499}, s)
	}
	assert.Empty(t, w.facts.failed())
}

func TestRetiredServersAnnounceTheClose(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	conn := dial(t, w.Addr())
	require.False(t, roundTrip(t, conn, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").closes)
	w.Retire()
	require.True(t, roundTrip(t, conn, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").closes, "an idle connection has one more answer")
	for _, path := range []string{"/nowhere", "/v1/batches", "/healthz"} {
		assert.True(t, roundTrip(t, dial(t, w.Addr()), "GET "+path+" HTTP/1.1\r\nHost: h\r\n\r\n").closes, path)
	}
}

// TestRequestsBeforeRetireAnnounceTheCloseToo checks that an answer announces the close if it
// begins after the server began to retire.
func TestRequestsBeforeRetireAnnounceTheCloseToo(t *testing.T) {
	t.Parallel()
	w, s, conn := startBlockedRequest(t)
	w.Retire()
	close(s.release)
	assert.Equal(t, rawResponse{200, true}, readResponse(t, conn))
}

func TestShutdownFinishesRequestsInFlight(t *testing.T) {
	t.Parallel()
	w, s, conn := startBlockedRequest(t)
	ended := make(chan error, 1)
	go func() { ended <- w.Shutdown(context.Background()) }()
	require.Eventually(t, func() bool {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", w.Addr())
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, 5*time.Second, time.Millisecond, "new connections are refused")
	close(s.release)
	r := readResponse(t, conn)
	assert.Equal(t, rawResponse{200, true}, r)
	require.NoError(t, <-ended)
}

func TestShutdownIsBounded(t *testing.T) {
	t.Parallel()
	w, s, _ := startBlockedRequest(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := w.Shutdown(ctx)
	assert.Equal(t, domain.Timeout, domain.CodeOf(err))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	<-s.cancelled
	require.NoError(t, w.Shutdown(t.Context()), "a second call succeeds")
}

func TestShutdownWithoutServeReleasesThePort(t *testing.T) {
	t.Parallel()
	w := &environment{platform: memory.NewPlatform(), facts: &factRecorder{}, log: &logBuffer{}}
	server, err := httpserver.NewGateway(gatewayParts(w, w.platform, noop.NewTracerProvider()))
	require.NoError(t, err)
	require.NoError(t, server.Shutdown(t.Context()))
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", server.Addr())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.NoError(t, server.Serve(), "Serve returns at once after Shutdown")
}

func TestUsedPortIsReported(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	p := gatewayParts(w, w.platform, noop.NewTracerProvider())
	_, port, err := net.SplitHostPort(w.Addr())
	require.NoError(t, err)
	p.Config.Port, err = net.DefaultResolver.LookupPort(t.Context(), "tcp", port)
	require.NoError(t, err)
	_, err = httpserver.NewGateway(p)
	assert.Equal(t, domain.InitializationFailed, domain.CodeOf(err))
	p.Config.Port = -1
	_, err = httpserver.NewGateway(p)
	assert.Equal(t, domain.ConfigurationError, domain.CodeOf(err))
}
