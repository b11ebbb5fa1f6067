package httpserver_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
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
		s.cancelled <- struct{}{}
		return domain.BatchReport{}, domain.Unreachable("result_aggregator", ctx.Err())
	}
}

// startBlockedRequest sends a request that the platform holds.
func startBlockedRequest(t *testing.T) (*environment, *blockedPlatform, *rawClient) {
	t.Helper()
	s := &blockedPlatform{called: make(chan struct{}), release: make(chan struct{}), cancelled: make(chan struct{}, 1)}
	w := newEnvironment(t, func(w *environment, p *httpserver.GatewayParts) { *p = w.parts(s) })
	conn := dial(t, w.Addr(), statusRequest)
	<-s.called
	return w, s, conn
}

const statusRequest = "GET /v1/batches/b1/status HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer u1\r\n\r\n"

func TestRetiredServersAnnounceTheClose(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	const request = "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
	conn := dial(t, w.Addr(), request)
	require.False(t, conn.read().Close)
	w.Retire()
	require.True(t, conn.exchange(request).Close, "an idle connection has one more answer")
	for _, path := range []string{"/nowhere", "/v1/batches", "/healthz"} {
		assert.True(t, dial(t, w.Addr(), strings.Replace(request, "/healthz", path, 1)).read().Close, path)
	}
}

// requireAnnouncedClose checks that an answer is 200 and announces the close.
func requireAnnouncedClose(t *testing.T, r reply) {
	t.Helper()
	require.Equal(t, 200, r.StatusCode)
	require.True(t, r.Close)
}

// TestRequestsBeforeRetireAnnounceTheCloseToo checks that an answer announces the close if it
// begins after the server began to retire.
func TestRequestsBeforeRetireAnnounceTheCloseToo(t *testing.T) {
	t.Parallel()
	w, s, conn := startBlockedRequest(t)
	w.Retire()
	close(s.release)
	requireAnnouncedClose(t, conn.read())
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
	requireAnnouncedClose(t, conn.read())
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
	w := unserved()
	server, err := httpserver.NewGateway(w.parts(w.platform))
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
	p := w.parts(w.platform)
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

// TestDrainBoundsSilentBodies stops a server while a client of each kind of route stops
// sending its body.
func TestDrainBoundsSilentBodies(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"json":   "POST /v1/batches/register HTTP/1.1\r\nHost: h\r\n" + bearer + "\r\nContent-Length: 100\r\n\r\n{",
		"upload": "POST " + uploadPath + " HTTP/1.1\r\nHost: h\r\n" + bearer + "\r\n" + formType + "\r\nContent-Length: 100\r\n\r\n--B\r\n",
		"proxy":  postClasses + "Content-Length: 100\r\n\r\nx",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFileService(t)
			address := newScriptedService(t, func(r *http.Request, conn net.Conn) bool { discardBody(r); return false })
			w := newEnvironment(t, withForwarder(t, address, nil), with(func(p *httpserver.GatewayParts) {
				p.Files = httpserver.Upstream{URL: s.url, Transport: s.forwarder}
			}))
			conn := dial(t, w.Addr(), request)
			require.Eventually(t, func() bool { return len(recorded.FactsOf[domain.RequestStarted](w.facts.All())) == 1 }, 5*time.Second, tick)
			ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
			defer cancel()
			require.NoError(t, w.Shutdown(ctx))
			answer := conn.rest()
			require.True(t, strings.HasPrefix(answer, "HTTP/1.1 504 "), answer)
			require.Contains(t, answer, "Connection: close\r\n")
			require.Equal(t, domain.Timeout, w.failed()[0].Code)
		})
	}
}
