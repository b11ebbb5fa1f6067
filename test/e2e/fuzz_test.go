package e2e_test

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/servers"
)

// fuzzCount is the variable with the number of handshakes and frames:
//
//	EDGE_GARBAGE=1000000 go test -v -count=1 -timeout 1h -run InvalidInput ./test/e2e
const fuzzCount = "EDGE_GARBAGE"

// TestInvalidInputLeaksNothing sends valid, invalid and random handshakes and frames to two nodes. Other
// clients receive their messages in order meanwhile. Afterwards the nodes hold no session, goroutine,
// descriptor, lease or channel more than before.
func TestInvalidInputLeaksNothing(t *testing.T) {
	t.Parallel()
	count := harness.Count(20_000, 2_500)
	if text := os.Getenv(fuzzCount); text != "" {
		var err error
		count, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	own := servers.OwnRedis(t)
	kafka := servers.EmbeddedKafka(t)
	s := newEnvironment(t, backing{redis: own.URL(), kafka: kafka.Addr()})
	redis := s.patientPublisher(t)
	v := newFuzzer(32, uint64(time.Now().UnixNano()))
	v.redis = redis
	t.Logf("seed %d", v.seed)
	nodes := []*harness.Program{harness.Start(t, "websocket", s.vars), harness.Start(t, "websocket", s.settings(map[string]string{
		"WEBSOCKET_MAX_MESSAGES_PER_MINUTE": "0", "WEBSOCKET_COMPRESSION": "true", "WEBSOCKET_SEND_QUEUE_MESSAGES": "4",
	}))}
	for _, p := range nodes {
		v.nodes = append(v.nodes, p.Address(t))
	}
	for _, address := range v.nodes {
		harness.AwaitReady(t, address, "ready", "degraded")
	}

	const clients = 64
	channels := redis.PubSubChannels(t.Context(), "*").Val()
	v.run(t.Context(), clients, count/10) // fills the pools of connections
	var before []resources
	for _, address := range v.nodes {
		awaitRelease(t, redis, address, channels)
		before = append(before, resourcesOf(t, address))
	}
	began := time.Now()
	received := withSubscribers(t, v, func() { v.run(t.Context(), clients, count) })
	t.Logf("%v: %d handshakes (%d upgraded, %d answered otherwise, %d cut) and %d frames; subscribers received %d",
		time.Since(began), v.handshakes.Load(), v.upgraded.Load(), v.refused.Load(), v.unanswered.Load(), v.sent.Load(), received)
	require.Positive(t, v.upgraded.Load())
	require.Positive(t, received)
	for i, address := range v.nodes {
		awaitRelease(t, redis, address, channels)
		// The runtime and the pools vary a little; a leak of one in a thousand connections
		// is far more.
		const spare = 12
		var now resources
		require.Eventually(t, func() bool {
			now = resourcesOf(t, address)
			return now.goroutines <= before[i].goroutines+spare && now.descriptors <= before[i].descriptors+spare
		}, waitLimit, 100*time.Millisecond, "before %+v, now %+v", before[i], &now)
		t.Logf("node %d: before %+v, after %+v", i+1, before[i], now)
	}
	for _, p := range nodes {
		p.Terminate(t)
		require.Equal(t, 0, p.Exit(t, 25*time.Second))
		require.Empty(t, p.Stderr.String())
		require.NotContains(t, p.Stdout.String(), "panicked")
	}
}

// resources are the resources of a node that can leak.
type resources struct{ goroutines, descriptors, sessions, accepted, ended int }

// resourcesOf reads the resources of a node from its metrics.
func resourcesOf(t *testing.T, address string) resources {
	t.Helper()
	page := pageAt(t, "http://"+address+"/metrics")
	connections := page.Sum("websocket_connections_total", "transport", "status")
	return resources{
		goroutines: int(page.Sum("go_goroutines")[""]), descriptors: int(page.Sum("process_open_fds")[""]),
		sessions: int(page.Sum("websocket_active_connections", "transport")["websocket"]),
		accepted: int(connections["websocket accepted"]), ended: int(connections["websocket closed"]),
	}
}

// awaitRelease waits until a node has no connection and Redis has no lease and no channel of one.
func awaitRelease(t *testing.T, redis *goredis.Client, address string, channels []string) {
	t.Helper()
	slices.Sort(channels)
	var leases, left []string
	var h resources
	require.Eventually(t, func() bool {
		leases = redis.Keys(t.Context(), "wsquota:*").Val()
		left = redis.PubSubChannels(t.Context(), "*").Val()
		slices.Sort(left)
		h = resourcesOf(t, address)
		return len(leases) == 0 && slices.Equal(left, channels) && h.sessions == 0 && h.accepted == h.ended
	}, 2*waitLimit, 100*time.Millisecond, "leases %v, channels %v, %+v", &leases, &left, &h)
}

// withSubscribers connects a valid client to each node while run runs, and returns the number of messages
// that they received. The test fails if one is missing.
func withSubscribers(t *testing.T, v *fuzzer, run func()) int {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	counts := make([]int, len(v.nodes))
	for i, address := range v.nodes {
		user := "subscriber-" + uuid.NewString()
		c := connect(t, "ws://"+address+"/ws", as(user))
		group.Go(func() {
			counts[i] = publishAndRead(ctx, t, v.redis, c, user)
			_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
			_ = c.Close()
		})
	}
	run()
	cancel()
	group.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return sum
}

// publishAndRead publishes messages to a user and reads them, until the context ends.
func publishAndRead(ctx context.Context, t *testing.T, redis *goredis.Client, c *socket, user string) int {
	t.Helper()
	pace := time.NewTicker(50 * time.Millisecond)
	defer pace.Stop()
	for n := 0; ; n++ {
		text := strings.Repeat("x", n%5000) + strconv.Itoa(n)
		if err := redis.Publish(context.WithoutCancel(ctx), "ws:"+user, text).Err(); err != nil {
			t.Errorf("publish: %v", err)
			return n
		}
		_ = c.SetReadDeadline(time.Now().Add(waitLimit))
		if _, got, err := c.ReadMessage(); err != nil || string(got) != text {
			t.Errorf("received %d bytes for message %d: %v", len(got), n, err)
			return n
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
			return n + 1
		}
	}
}
