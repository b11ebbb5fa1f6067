package e2e_test

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/servers"
)

// TestTerminationFinishesRequests checks that a gateway finishes a request in progress, serves new requests
// during the notice, and exits with 0.
func TestTerminationFinishesRequests(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b backing) {
		s := newEnvironment(t, b)
		aggregator := startBlockingService(t, s.platform.AggregatorURL())
		p := harness.Start(t, "gateway", s.settings(map[string]string{
			"API_GATEWAY_RESULT_AGGREGATOR_URL": aggregator.URL, "API_GATEWAY_DRAIN_NOTICE": "1",
		}))
		host := p.Address(t)
		base := "http://" + host
		teacher, batch := s.batch(1)
		answers := aggregator.startRequest(t, base+statusPath(batch), teacher)
		p.Terminate(t)
		harness.AwaitReady(t, strings.TrimPrefix(base, "http://"), "503")
		late := rawExchange(t, host, "GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n")
		require.Contains(t, late, "200 OK", "served during the notice")
		require.Contains(t, late, "Connection: close")
		aggregator.release()
		a := <-answers
		require.Equal(t, 200, a.status, "%s", &a)
		require.Equal(t, 0, p.Exit(t, 10*time.Second), "%s%s", p.Stdout, p.Stderr)
		_, err := net.Dial("tcp", host)
		require.Error(t, err)
	})
}

// rawExchange sends text on its own connection and returns everything that it reads. An HTTP client would
// hide some headers.
func rawExchange(t *testing.T, host, words string) string {
	t.Helper()
	conn, err := net.Dial("tcp", host)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(waitLimit)))
	_, err = io.WriteString(conn, words)
	require.NoError(t, err)
	all, err := io.ReadAll(conn)
	require.NoError(t, err)
	return string(all)
}

// blockingService is a proxy in front of a service that responds only after its release.
type blockingService struct {
	*httptest.Server

	requests, released chan struct{}
	// release lets all responses pass, now and later.
	release func()
}

// startRequest sends a GET of the user that the service receives, and returns where its response arrives.
func (b *blockingService) startRequest(t *testing.T, url, user string) <-chan response {
	t.Helper()
	answers := make(chan response, 1)
	go func() {
		defer close(answers)
		if a, err := tryCall(t, "GET", url, "", as(user)); err == nil {
			answers <- a
		}
	}()
	<-b.requests
	return answers
}

func startBlockingService(t *testing.T, behind string) *blockingService {
	t.Helper()
	p := &blockingService{requests: make(chan struct{}, 10), released: make(chan struct{})}
	p.release = sync.OnceFunc(func() { close(p.released) })
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			p.requests <- struct{}{}
			<-p.released
		}
		h := headers{}
		for name := range r.Header {
			h[name] = r.Header.Get(name)
		}
		a, err := callUnchecked(t, r.Method, behind+r.URL.Path, "", h)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		maps.Copy(w.Header(), a.header)
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body)
	}))
	t.Cleanup(func() {
		p.release()
		p.Close()
	})
	return p
}

// TestTerminationClosesConnections checks that each connection receives its queued messages and then the close.
func TestTerminationClosesConnections(t *testing.T) {
	t.Parallel()
	onTransports(t, onEach, func(t *testing.T, via transport, b backing) {
		s := newEnvironment(t, b)
		p := harness.Start(t, "websocket", s.settings(map[string]string{"WEBSOCKET_DRAIN_NOTICE": "1", "WEBSOCKET_DRAIN_SPREAD": "1"}))
		node := p.Address(t)
		teacher, redis := "teacher-"+uuid.NewString(), s.redisClient(t)
		var quick connection
		require.Eventually(t, func() bool { // the subscription may not be confirmed yet
			quick = via.connect(t, node, teacher)
			require.NoError(t, redis.Publish(t.Context(), "ws:"+teacher, "first").Err())
			_, err := quick.read(waitLimit)
			return err == nil
		}, waitLimit, 50*time.Millisecond)
		idle := via.connect(t, node, teacher)

		const count = 60
		text := func(i int) string { return fmt.Sprintf("%d %s", i, strings.Repeat("x", 15<<10)) }
		for i := range count {
			require.NoError(t, redis.Publish(t.Context(), "ws:"+teacher, text(i)).Err())
			require.Equal(t, text(i), quick.text(t))
		}
		p.Terminate(t)
		harness.AwaitReady(t, node, "503")
		_, err := via.tryConnect(t.Context(), node, "another-teacher", "")
		var a *refusedError
		require.ErrorAs(t, err, &a)
		a.failure(t, 503, "SERVICE_UNAVAILABLE")
		require.NotEmpty(t, a.header.Get("Retry-After"))
		for i := range count {
			require.Equal(t, text(i), idle.text(t))
		}
		for _, c := range []connection{quick, idle} {
			closed := c.closedBecause(t, 1012)
			require.Equal(t, "SERVICE_UNAVAILABLE", closed.Code)
			require.NoError(t, uuid.Validate(closed.Correlation))
		}
		require.Equal(t, 0, p.Exit(t, 20*time.Second), "%s%s", p.Stdout, p.Stderr)
	})
}

// TestTerminationDuringOutages checks that a shutdown ends in time and closes connections although Redis and Kafka
// do not respond.
func TestTerminationDuringOutages(t *testing.T) {
	t.Parallel()
	test := func(t *testing.T, via transport, b backing) {
		t.Helper()
		s := newEnvironment(t, b)
		vars := s.settings(map[string]string{"API_GATEWAY_DRAIN_TIMEOUT": "8", "WEBSOCKET_DRAIN_TIMEOUT": "8"})
		gateway, node := harness.Start(t, "gateway", vars), harness.Start(t, "websocket", vars)
		base, ws := "http://"+gateway.Address(t), "http://"+node.Address(t)
		require.Eventually(t, func() bool {
			a := call(t, "GET", ws+"/readyz", "", nil)
			return a.status == 200 && a.object(t)["status"] == "ready"
		}, waitLimit, 20*time.Millisecond)
		teacher, batch := s.batch(1)
		c := via.connect(t, node.Address(t), teacher)

		t.Cleanup(b.resumeKafka) // otherwise the platform stops slowly
		b.stopKafka()
		b.stopRedis()
		answers := make(chan response, 1)
		go func() {
			a, _ := tryCall(t, "POST", base+pipelinesPath(batch), pipelineBody("spellcheck"), as(teacher))
			answers <- a
		}()
		require.Eventually(t, func() bool {
			return strings.Contains(string(call(t, "GET", base+"/metrics", "", nil).body), "gateway_http_requests_in_progress 2")
		}, waitLimit, 20*time.Millisecond, "the command waits for Kafka")
		for _, p := range []*harness.Program{gateway, node} {
			p.Terminate(t)
		}
		require.Equal(t, "SERVICE_UNAVAILABLE", c.closedBecause(t, 1012).Code)
		a := <-answers
		a.failure(t, 503, "KAFKA_PUBLISH_ERROR")
		for _, p := range []*harness.Program{gateway, node} {
			require.Equal(t, 0, p.Exit(t, 9*time.Second), "%s%s", p.Stdout, p.Stderr)
		}
	}
	onTransports(t, func(t *testing.T, test func(*testing.T, backing)) {
		t.Helper()
		t.Run("embedded", func(t *testing.T) {
			t.Parallel()
			test(t, embedded(t))
		})
		t.Run("real", func(t *testing.T) {
			t.Parallel()
			k, r := servers.OwnKafka(t), servers.OwnRedis(t)
			test(t, backing{
				redis: r.URL(), kafka: k.Addr(), stopRedis: r.Kill, startRedis: r.Start, stopKafka: k.Pause, resumeKafka: k.Resume,
			})
		})
	}, test)
}

// TestSecondSignalStopsAtOnce checks that a second signal ends the process without a shutdown.
func TestSecondSignalStopsAtOnce(t *testing.T) {
	t.Parallel()
	s := newEnvironment(t, embedded(t))
	p := harness.Start(t, "gateway", s.settings(map[string]string{"API_GATEWAY_DRAIN_NOTICE": "20"}))
	base := "http://" + p.Address(t)
	p.Terminate(t)
	harness.AwaitReady(t, strings.TrimPrefix(base, "http://"), "503")
	p.Terminate(t)
	require.Equal(t, -1, p.Exit(t, 5*time.Second))
}
