package e2e_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// connectMany opens connections of a user on all nodes at the same time. It returns those that stay open and the
// number of refused ones.
func connectMany(t *testing.T, via transport, nodes []service, user string, connections int) (stay []connection, refused int) {
	t.Helper()
	all := make([]connection, connections)
	var group sync.WaitGroup
	for i := range all {
		group.Go(func() {
			c, err := via.tryConnect(t.Context(), nodes[i%len(nodes)].Addr, user, "$")
			if err == nil {
				all[i] = c
			} else if _, byHTTP := errors.AsType[*refusedError](err); !byHTTP {
				t.Errorf("connect: %v", err)
			}
		})
	}
	group.Wait()
	require.False(t, t.Failed())
	for _, c := range all {
		if c == nil {
			refused++
			continue
		}
		t.Cleanup(func() { _ = c.Close() })
		text, err := c.read(waitLimit)
		if err == nil {
			require.Contains(t, text, `"position"`)
			stay = append(stay, c)
			continue
		}
		require.Equal(t, &closedError{4000, `{"error_code":"QUOTA_EXCEEDED","message":"Connection limit exceeded"}`}, err)
		refused++
	}
	return stay, refused
}

// connectionLimitAcrossNodes opens twenty connections of a user on three nodes again and again: exactly five
// stay open.
func connectionLimitAcrossNodes(t *testing.T, s *running, via transport) {
	nodes := s.nodes[:]
	redis := s.redisClient(t)
	tries := harness.Count(100, 20)
	if s.isEmbedded() { // slower than what stands for Redis in production
		tries = 5
	}
	for try := range tries {
		user := "teacher-" + uuid.NewString()
		stay, refused := connectMany(t, via, nodes, user, 20)
		require.Len(t, stay, 5, "try %d", try)
		require.Equal(t, 15, refused)
		require.NoError(t, stay[0].Close())
		require.Eventually(t, func() bool {
			return redis.ZCard(t.Context(), "wsquota:{"+user+"}").Val() == 4
		}, waitLimit, time.Millisecond, "the lease is released")
		again, refused := connectMany(t, via, nodes[:1], user, 2)
		require.Len(t, again, 1)
		require.Equal(t, 1, refused)
	}
}

// TestLeasesOfAKilledNodeExpire checks that the connections of a killed node count for at most half a minute.
func TestLeasesOfAKilledNodeExpire(t *testing.T) {
	t.Parallel()
	for _, via := range transports() {
		t.Run(via.name, func(t *testing.T) {
			t.Parallel()
			checkLeasesOfAKilledNode(t, via)
		})
	}
}

func checkLeasesOfAKilledNode(t *testing.T, via transport) {
	s := newEnvironment(t, embedded(t))
	doomed := harness.Start(t, "websocket", s.vars)
	host := doomed.Address(t)
	other := s.node(t, s.vars)
	user := "teacher-" + uuid.NewString()
	harness.AwaitReady(t, host, "ready", "degraded")
	for range 5 {
		via.connect(t, host, user)
	}
	doomed.Kill()
	killed := time.Now()
	require.Equal(t, "QUOTA_EXCEEDED", via.refused(t, other.Addr, user))
	require.Eventually(t, func() bool {
		c, err := via.tryConnect(t.Context(), other.Addr, user, "$")
		if err != nil {
			return false
		}
		t.Cleanup(func() { _ = c.Close() })
		_, err = c.read(waitLimit)
		return err == nil
	}, 40*time.Second, 250*time.Millisecond)
	require.Less(t, time.Since(killed), 31*time.Second)
}

// TestLongRedisOutageClosesConnections checks that an outage longer than the grace period closes connections, and a
// shorter one does not.
func TestLongRedisOutageClosesConnections(t *testing.T) {
	t.Parallel()
	onTransports(t, onEachRedis, func(t *testing.T, via transport, b backing) {
		s := newEnvironment(t, b)
		node := s.node(t, s.settings(map[string]string{"WEBSOCKET_REDIS_OUTAGE_GRACE": "4"}))
		c := via.connect(t, node.Addr, "teacher-"+uuid.NewString())
		b.stopRedis()
		node.awaitReady(t, "503")
		b.startRedis()
		node.awaitReady(t, "ready")
		require.Equal(t, "resync", c.next(t).Event)
		b.stopRedis()
		gone := time.Now()
		closed := c.closedBecause(t, 1011)
		require.Equal(t, "CONNECTION_ERROR", closed.Code)
		require.Greater(t, time.Since(gone), 3*time.Second)
		b.startRedis()
	})
}

// disconnectOnEveryNode checks that the control channel closes all connections of a user on all nodes, and no
// others.
func disconnectOnEveryNode(t *testing.T, s *running, via transport) {
	nodes := s.nodes[:2]
	user, other := "teacher-"+uuid.NewString(), "teacher-"+uuid.NewString()
	stays := via.connect(t, nodes[0].Addr, other)
	var all []connection
	for i := range 4 {
		all = append(all, via.connect(t, nodes[i%2].Addr, user))
	}
	redis := s.redisClient(t)
	require.Len(t, redis.ZRange(t.Context(), "wsquota:{"+user+"}", 0, -1).Val(), 4)
	require.NoError(t, redis.Publish(t.Context(), "wsctl:disconnect", user).Err())
	for _, c := range all {
		require.Equal(t, "AUTHORIZATION_ERROR", c.closedBecause(t, 4003).Code)
	}
	require.Zero(t, redis.Exists(t.Context(), "wsquota:{"+user+"}").Val(), "the leases are released before the closes are sent")
	require.NoError(t, redis.Publish(t.Context(), "ws:"+other, "still here").Err())
	require.Equal(t, "still here", stays.text(t))
}

// patientPublisher returns a client that does not repeat a publish, even if the response is late.
func (s *environment) patientPublisher(t *testing.T) *goredis.Client {
	t.Helper()
	o, err := goredis.ParseURL(s.redis)
	require.NoError(t, err)
	o.MaxRetries, o.ReadTimeout = -1, waitLimit
	c := goredis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// awaitDelivery waits until the node has received everything that was published before. Each of its connections
// to Redis delivers in order; this number of users is certain to use each of them.
func awaitDelivery(t *testing.T, via transport, node string, redis *goredis.Client) {
	t.Helper()
	const subscribers = 40
	var group sync.WaitGroup
	for range subscribers {
		user := "subscriber-" + uuid.NewString()
		c := via.connect(t, node, user)
		require.NoError(t, redis.Publish(t.Context(), "ws:"+user, "heard").Err())
		group.Go(func() {
			if got, err := c.read(waitLimit); err != nil || got != "heard" {
				t.Errorf("subscriber: %q, %v", got, err)
			}
			_ = c.Close()
		})
	}
	group.Wait()
}

// largeMessage returns a message of 8 KiB with its number.
func largeMessage(i int) string { return fmt.Sprintf("%d %s", i, strings.Repeat("x", 8<<10)) }

// readUntilClose reads the messages and then the close with 1012.
func readUntilClose(t *testing.T, c connection, client, messages int) {
	t.Helper()
	defer func() { _ = c.Close() }()
	if s, ok := c.(*socket); ok {
		// The default handler does not report a close frame that it cannot answer at once.
		s.SetCloseHandler(func(code int, _ string) error {
			_ = s.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(waitLimit))
			return nil
		})
	}
	for m := range messages {
		if got, err := c.read(waitLimit); err != nil || got != largeMessage(m) {
			t.Errorf("client %d, message %d: %d bytes, %v", client, m, len(got), err)
			return
		}
	}
	_, err := c.read(waitLimit)
	if end, ok := errors.AsType[*closedError](err); !ok || end.code != 1012 {
		t.Errorf("client %d: no 1012 but %v", client, err)
	}
}

// talk sends messages until the connection ends. A client with a stream sends nothing.
func talk(c connection) {
	s, ok := c.(*socket)
	if !ok {
		return
	}
	pace := time.NewTicker(250 * time.Millisecond)
	defer pace.Stop()
	for s.WriteMessage(websocket.TextMessage, []byte(`{"type":"hello"}`)) == nil {
		<-pace.C
	}
}

// TestTerminationDeliversQueuedMessages stops a node with many clients and fifty queued messages for each.
// Clients with a socket send all the time. Each client receives its messages and the close. A client has five seconds to read them, which
// the machine must be able to do for all clients beside the other tests.
func TestTerminationDeliversQueuedMessages(t *testing.T) {
	t.Parallel()
	onTransports(t, onEach, func(t *testing.T, via transport, b backing) {
		const messages = 50
		clients := harness.Count(200, 40)
		s := newEnvironment(t, b)
		p := harness.Start(t, "websocket", s.settings(map[string]string{
			"WEBSOCKET_DRAIN_NOTICE": "1", "WEBSOCKET_DRAIN_SPREAD": "5", "WEBSOCKET_MAX_MESSAGES_PER_MINUTE": "0",
		}))
		node, redis := p.Address(t), s.patientPublisher(t)
		harness.AwaitReady(t, node, "ready", "degraded")
		id := uuid.NewString()
		user := func(i int) string { return fmt.Sprintf("teacher-%s-%d", id, i) }
		var talking, reading sync.WaitGroup
		connections := make([]connection, clients)
		for i := range connections {
			connections[i] = via.connect(t, node, user(i))
			talking.Go(func() { talk(connections[i]) })
		}
		// 400 KiB for each client, which does not read yet: more than the kernel buffers.
		for i := range connections {
			pipe := redis.Pipeline()
			for m := range messages {
				pipe.Publish(t.Context(), "ws:"+user(i), largeMessage(m))
			}
			_, err := pipe.Exec(t.Context())
			require.NoError(t, err)
		}
		awaitDelivery(t, via, node, redis)
		terminated := time.Now()
		p.Terminate(t)
		for i, c := range connections {
			reading.Go(func() { readUntilClose(t, c, i, messages) })
		}
		reading.Wait()
		require.Equal(t, 0, p.Exit(t, 25*time.Second), "%s%s", p.Stdout, p.Stderr)
		t.Logf("%d clients with %d messages each were closed in %v", clients, messages, time.Since(terminated))
		talking.Wait()
		keys, err := redis.Keys(t.Context(), "wsquota:{teacher-"+id+"*").Result()
		require.NoError(t, err)
		require.Empty(t, keys, "every lease is released")
		require.Empty(t, redis.PubSubChannels(t.Context(), "ws:teacher-"+id+"*").Val())
	})
}
