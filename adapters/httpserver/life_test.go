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

// slow is a platform that holds every question until it is let go or the
// caller leaves.
type slow struct {
	*memory.Platform
	asked chan struct{}
	let   chan struct{}
	left  chan struct{}
}

func (s *slow) Status(ctx context.Context, _ domain.Caller, _ domain.BatchID) (domain.BatchReport, error) {
	s.asked <- struct{}{}
	select {
	case <-s.let:
		return domain.BatchReport{Owner: "u1", Overall: "ready", Document: []byte(`{}`)}, nil
	case <-ctx.Done():
		close(s.left)
		return domain.BatchReport{}, domain.Unreachable("result_aggregator", ctx.Err())
	}
}

func newSlow(t *testing.T) (*world, *slow) {
	t.Helper()
	s := &slow{asked: make(chan struct{}), let: make(chan struct{}), left: make(chan struct{})}
	w := newWorld(t, func(w *world, p *httpserver.GatewayParts) {
		*p = parts(w, s, noop.NewTracerProvider())
	})
	return w, s
}

const question = "GET /v1/batches/b1/status HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer u1\r\n\r\n"

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	return conn
}

// heard is an answer on a connection of our own.
type heard struct {
	status int
	// last says that the connection ends with it.
	last bool
}

func ask(t *testing.T, conn net.Conn, request string) heard {
	t.Helper()
	_, err := io.WriteString(conn, request)
	require.NoError(t, err)
	return answerOf(t, conn)
}

func answerOf(t *testing.T, conn net.Conn) heard {
	t.Helper()
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	_, err = io.ReadAll(r.Body)
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	return heard{r.StatusCode, r.Close}
}

// TestClientThatLeft is recorded as 499 and is nobody's error.
func TestClientThatLeft(t *testing.T) {
	t.Parallel()
	w, s := newSlow(t)
	conn := dial(t, w.Addr())
	_, err := io.WriteString(conn, question)
	require.NoError(t, err)
	<-s.asked
	require.NoError(t, conn.Close())
	<-s.left
	require.Eventually(t, func() bool { return len(w.facts.served()) == 1 }, 5*time.Second, time.Millisecond)
	assert.Equal(t, []domain.RequestServed{{Method: "GET", Endpoint: "/v1/batches/{batch_id}/status", Status: 499}}, w.facts.served())
	assert.Empty(t, w.facts.failed())
	assert.Eventually(t, func() bool { return strings.Contains(w.log.String(), `"status":499`) }, 5*time.Second, time.Millisecond)
	assert.NotContains(t, w.log.String(), `"level":"ERROR"`)
}

// TestClientThatLeftWhileSending: net/http does not notice, the reader does.
func TestClientThatLeftWhileSending(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
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
	w := newWorld(t)
	conn := dial(t, w.Addr())
	require.False(t, ask(t, conn, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").last)
	w.Retire()
	require.True(t, ask(t, conn, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").last, "an idle connection is served once more")
	for _, path := range []string{"/nowhere", "/v1/batches", "/healthz"} {
		assert.True(t, ask(t, dial(t, w.Addr()), "GET "+path+" HTTP/1.1\r\nHost: h\r\n\r\n").last, path)
	}
}

// TestWhoBeganEarlierIsAskedToConnectAnewToo: an answer that begins after the
// server began to retire says so, whenever its request came.
func TestWhoBeganEarlierIsAskedToConnectAnewToo(t *testing.T) {
	t.Parallel()
	w, s := newSlow(t)
	conn := dial(t, w.Addr())
	_, err := io.WriteString(conn, question)
	require.NoError(t, err)
	<-s.asked
	w.Retire()
	close(s.let)
	assert.Equal(t, heard{200, true}, answerOf(t, conn))
}

func TestShutdownFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	w, s := newSlow(t)
	conn := dial(t, w.Addr())
	_, err := io.WriteString(conn, question)
	require.NoError(t, err)
	<-s.asked
	ended := make(chan error, 1)
	go func() { ended <- w.Shutdown(context.Background()) }()
	require.Eventually(t, func() bool {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", w.Addr())
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, 5*time.Second, time.Millisecond, "nobody new gets in")
	close(s.let)
	r := answerOf(t, conn)
	assert.Equal(t, heard{200, true}, r)
	require.NoError(t, <-ended)
}

func TestShutdownIsBounded(t *testing.T) {
	t.Parallel()
	w, s := newSlow(t)
	conn := dial(t, w.Addr())
	_, err := io.WriteString(conn, question)
	require.NoError(t, err)
	<-s.asked
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err = w.Shutdown(ctx)
	assert.Equal(t, domain.Timeout, domain.CodeOf(err))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	<-s.left
	require.NoError(t, w.Shutdown(t.Context()), "a second time changes nothing")
}

func TestShutdownWithoutServeReleasesThePort(t *testing.T) {
	t.Parallel()
	w := &world{platform: memory.NewPlatform(), facts: &facts{}, log: &logbook{}}
	server, err := httpserver.NewGateway(parts(w, w.platform, noop.NewTracerProvider()))
	require.NoError(t, err)
	require.NoError(t, server.Shutdown(t.Context()))
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", server.Addr())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.NoError(t, server.Serve(), "serving after the end ends at once")
}

func TestTakenPortIsReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := parts(w, w.platform, noop.NewTracerProvider())
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
