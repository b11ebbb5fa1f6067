package faults_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/world"
)

// drainNotice is how long a gateway continues to serve requests after it reports that it
// is not ready.
const drainNotice = 2 * time.Second

// gatewayPair are two gateways in front of a simulated platform with one batch.
type gatewayPair struct {
	*pair

	user, batch string
	platform    *world.Platform
}

func newGatewayPair(t *testing.T) *gatewayPair {
	t.Helper()
	return newEnvironment(t, servers.Redis(t), servers.Kafka(t), nil).gatewayPair(t, slowService(t))
}

// gatewayPair starts two gateways in the environment. classes is the URL of class management.
func (s *environment) gatewayPair(t *testing.T, classes string) *gatewayPair {
	t.Helper()
	const key = "faults-internal-key"
	s.topic = domain.CommandTopic
	s.createTopic(t)
	platform, err := world.StartPlatform(world.PlatformConfig{InternalKey: key})
	require.NoError(t, err)
	t.Cleanup(platform.Close)
	id := uuid.NewString()
	g := &gatewayPair{user: "teacher-" + id, batch: "batch-" + id, platform: platform}
	platform.AddBatch(world.Batch{ID: domain.BatchID(g.batch), Owner: domain.UserID(g.user), Essays: 1})
	vars := maps.Clone(s.vars)
	maps.Copy(vars, map[string]string{
		"API_GATEWAY_HTTP_HOST": "127.0.0.1", "API_GATEWAY_HTTP_PORT": "0", "HULEEDU_INTERNAL_API_KEY": key,
		"API_GATEWAY_RESULT_AGGREGATOR_URL": platform.AggregatorURL(), "API_GATEWAY_BOS_URL": platform.OrchestratorURL(),
		"API_GATEWAY_FILE_SERVICE_URL": platform.FilesURL(), "API_GATEWAY_CMS_API_URL": classes,
		"API_GATEWAY_DRAIN_NOTICE": fmt.Sprint(drainNotice.Seconds()), "KAFKA_PUBLISH_TIMEOUT": "20",
		// One user sends the requests of many users.
		"API_GATEWAY_RATE_LIMIT_COMMANDS": "1000000", "API_GATEWAY_RATE_LIMIT_UPLOADS": "1000000",
		"API_GATEWAY_RATE_LIMIT_QUERIES": "1000000", "API_GATEWAY_RATE_LIMIT_DEFAULT": "1000000",
		"API_GATEWAY_DOWNSTREAM_MAX_CONCURRENCY": "1024",
	})
	g.pair = startPair(t, "gateway", vars)
	return g
}

// slowService starts a backend that responds after one second.
func slowService(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			sleep(r.Context(), time.Second)
		}
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestGatewaysRolled replaces both gateways in turn under load. Busy clients have
// connections that are never idle for as long as the notice. Other clients have
// connections that are idle when the gateway closes them. No request may fail.
func TestGatewaysRolled(t *testing.T) {
	t.Parallel()
	g := newGatewayPair(t)
	l, ctx, end := newLoadResult(), context.Background(), make(chan struct{})
	var callers sync.WaitGroup
	stop := sync.OnceFunc(func() { close(end); callers.Wait() })
	t.Cleanup(stop)
	work := func(pause func() time.Duration, all []requestKind) {
		callers.Go(func() {
			c := newGatewayClient(g.front.http(""), g.user)
			defer c.transport.CloseIdleConnections()
			for n := rand.IntN(len(all)); ; n++ {
				l.send(ctx, c, all[n%len(all)])
				select {
				case <-end:
					return
				case <-time.After(pause()):
				}
			}
		})
	}
	all := requestKinds(g.batch)
	for range harness.Count(12, 4) {
		work(func() time.Duration { return rand.N(20 * time.Millisecond) }, all)
	}
	repeatable := []requestKind{all[0], all[2]}
	for range 12 {
		work(func() time.Duration { return drainNotice + rand.N(2*time.Second) }, repeatable)
	}
	for range rounds() {
		g.roll(t, func(*harness.Program) {
			before := l.total()
			require.Eventually(t, func() bool { return l.total() > before+50 }, waitLimit, 10*time.Millisecond)
		})
	}
	stop()
	l.row(t, fmt.Sprintf("Both of two gateways replaced, %d times", rounds()), g.describeStops())
	l.check(t)
}

// TestRequestsDuringIdleClose sends requests at the moment when a gateway closes
// idle connections after its notice. Some requests arrive on a closed connection.
// Clients retry those that are safe to retry, and none of these may fail.
func TestRequestsDuringIdleClose(t *testing.T) {
	t.Parallel()
	g := newGatewayPair(t)
	ctx, l, all := context.Background(), newLoadResult(), requestKinds(g.batch)
	around := 200 * time.Millisecond
	const each = 40
	var callers sync.WaitGroup
	startedAt := make(chan time.Time)
	for i := range 2 * each {
		c, e := newGatewayClient(g.front.http(""), g.user), []requestKind{all[0], all[2]}[i%2]
		callers.Go(func() {
			defer c.transport.CloseIdleConnections()
			l.send(ctx, c, all[0]) // opens the connection
			at := (<-startedAt).Add(drainNotice - around + 2*around*time.Duration(i)/(2*each))
			sleep(ctx, time.Until(at))
			l.send(ctx, c, e)
		})
	}
	require.Eventually(t, func() bool { return l.total() == 2*each }, waitLimit, 10*time.Millisecond)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		now := time.Now()
		for range 2 * each {
			startedAt <- now
		}
	}()
	took := g.nodes[0].Stop(t)
	<-stopped
	callers.Wait()
	l.row(t, "Requests that meet the close of idle connections", "the node stops after "+seconds(took))
	l.check(t)
}
