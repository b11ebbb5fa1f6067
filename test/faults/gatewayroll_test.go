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
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/world"
)

// notice is how long a gateway goes on serving after it says that it is not
// ready.
const notice = 2 * time.Second

// gateways are two of them before a simulated platform, and a teacher's batch.
type gateways struct {
	*pair

	user, batch string
}

func newGateways(t *testing.T) *gateways {
	t.Helper()
	const key = "faults-internal-key"
	s := newStage(t, servers.Redis(t), servers.Kafka(t), nil)
	s.topic = domain.CommandTopic
	s.create(t)
	platform, err := world.StartPlatform(world.PlatformConfig{InternalKey: key})
	require.NoError(t, err)
	t.Cleanup(platform.Close)
	id := uuid.NewString()
	g := &gateways{user: "teacher-" + id, batch: "batch-" + id}
	platform.Put(world.Batch{ID: domain.BatchID(g.batch), Owner: domain.UserID(g.user), Essays: 1})
	vars := maps.Clone(s.vars)
	maps.Copy(vars, map[string]string{
		"API_GATEWAY_HTTP_HOST": "127.0.0.1", "API_GATEWAY_HTTP_PORT": "0", "HULEEDU_INTERNAL_API_KEY": key,
		"API_GATEWAY_RESULT_AGGREGATOR_URL": platform.AggregatorURL(), "API_GATEWAY_BOS_URL": platform.OrchestratorURL(),
		"API_GATEWAY_FILE_SERVICE_URL": platform.FilesURL(), "API_GATEWAY_CMS_API_URL": slowService(t),
		"API_GATEWAY_DRAIN_NOTICE": fmt.Sprint(notice.Seconds()), "KAFKA_PUBLISH_TIMEOUT": "20",
		// One user does the work of many.
		"API_GATEWAY_RATE_LIMIT_COMMANDS": "1000000", "API_GATEWAY_RATE_LIMIT_UPLOADS": "1000000",
		"API_GATEWAY_RATE_LIMIT_QUERIES": "1000000", "API_GATEWAY_RATE_LIMIT_DEFAULT": "1000000",
		"API_GATEWAY_DOWNSTREAM_MAX_CONCURRENCY": "1024",
	})
	g.pair = twoOf(t, "gateway", vars)
	return g
}

// slowService is a service behind the gateway that takes its time.
func slowService(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			idle(r.Context(), time.Second)
		}
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestGatewaysRolled replaces both gateways, one after the other, under load:
// busy clients, whose connections are never idle for as long as the notice
// lasts, and seldom ones, whose connections are closed while they are idle. Not
// one request fails.
func TestGatewaysRolled(t *testing.T) {
	t.Parallel()
	g := newGateways(t)
	l, ctx, end := newLoad(), context.Background(), make(chan struct{})
	var callers sync.WaitGroup
	stop := sync.OnceFunc(func() { close(end); callers.Wait() })
	t.Cleanup(stop)
	work := func(pause func() time.Duration, all []errand) {
		callers.Go(func() {
			c := newCaller(g.front.http(""), g.user)
			defer c.transport.CloseIdleConnections()
			for n := rand.IntN(len(all)); ; n++ {
				l.do(ctx, c, all[n%len(all)])
				select {
				case <-end:
					return
				case <-time.After(pause()):
				}
			}
		})
	}
	all := errands(g.batch)
	for range 12 {
		work(func() time.Duration { return rand.N(20 * time.Millisecond) }, all)
	}
	repeatable := []errand{all[0], all[2]}
	for range 12 {
		work(func() time.Duration { return notice + rand.N(2*time.Second) }, repeatable)
	}
	for range rounds() {
		g.roll(t, func(*program) {
			before := l.total()
			require.Eventually(t, func() bool { return l.total() > before+50 }, patience, 10*time.Millisecond)
		})
	}
	stop()
	l.row(t, fmt.Sprintf("Both of two gateways replaced, %d times", rounds()), g.ends())
	l.check(t)
}

// TestRequestsThatMeetTheClose aims requests at the moment in which a gateway
// closes the connections that nobody used during its notice. Some arrive when
// their connection is gone; clients repeat those that may be repeated, and none
// of these fails.
func TestRequestsThatMeetTheClose(t *testing.T) {
	t.Parallel()
	g := newGateways(t)
	ctx, l, all := context.Background(), newLoad(), errands(g.batch)
	around := 200 * time.Millisecond
	const each = 40
	var callers sync.WaitGroup
	began := make(chan time.Time)
	for i := range 2 * each {
		c, e := newCaller(g.front.http(""), g.user), []errand{all[0], all[2]}[i%2]
		callers.Go(func() {
			defer c.transport.CloseIdleConnections()
			l.do(ctx, c, all[0]) // makes the connection
			at := (<-began).Add(notice - around + 2*around*time.Duration(i)/(2*each))
			idle(ctx, time.Until(at))
			l.do(ctx, c, e)
		})
	}
	require.Eventually(t, func() bool { return l.total() == 2*each }, patience, 10*time.Millisecond)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		now := time.Now()
		for range 2 * each {
			began <- now
		}
	}()
	took := g.nodes[0].stop(t)
	<-stopped
	callers.Wait()
	l.row(t, "Requests that meet the close of idle connections", "the node ends after "+seconds(took))
	l.check(t)
}
