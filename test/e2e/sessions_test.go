package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// connectMany opens sockets of a user on all nodes at the same time. It returns those that stay open and the
// number of refused ones.
func connectMany(t *testing.T, nodes []service, user string, sockets int) (stay []*socket, refused int) {
	t.Helper()
	all := make([]*socket, sockets)
	var group sync.WaitGroup
	var byHTTP atomic.Int32
	for i := range all {
		group.Go(func() {
			header := http.Header{"Authorization": {as(user)["Authorization"]}}
			dialer := websocket.Dialer{HandshakeTimeout: waitLimit}
			conn, res, err := dialer.DialContext(t.Context(), nodes[i%len(nodes)].ws(), header)
			if res != nil && res.StatusCode == http.StatusTooManyRequests {
				_ = res.Body.Close() // the node has refused this user before
				byHTTP.Add(1)
				return
			}
			if err != nil {
				t.Errorf("dial: %v", err)
				return
			}
			_ = res.Body.Close()
			all[i] = &socket{conn, res.Header}
		})
	}
	group.Wait()
	require.False(t, t.Failed())
	for _, s := range all {
		if s == nil {
			continue
		}
		t.Cleanup(func() { _ = s.Close() })
		require.NoError(t, s.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping"}`)))
		require.NoError(t, s.SetReadDeadline(time.Now().Add(waitLimit)))
		_, payload, err := s.ReadMessage()
		if err == nil {
			require.Equal(t, `{"type":"pong"}`, string(payload))
			stay = append(stay, s)
			continue
		}
		var end *websocket.CloseError
		require.ErrorAs(t, err, &end)
		require.Equal(t, 4000, end.Code)
		require.Equal(t, `{"error_code":"QUOTA_EXCEEDED","message":"Connection limit exceeded"}`, end.Text)
		refused++
	}
	return stay, refused + int(byHTTP.Load())
}

// TestConnectionLimitAcrossNodes opens twenty sockets of a user on three nodes again and again: exactly five
// stay open.
func TestConnectionLimitAcrossNodes(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b backing) {
		s := newEnvironment(t, b)
		nodes := []service{s.node(t, s.vars), s.node(t, s.vars), s.node(t, s.vars)}
		tries := harness.Count(100, 20)
		if b.stopRedis != nil { // the embedded one: slower than what stands for Redis in production
			tries = 5
		}
		for try := range tries {
			user := "teacher-" + uuid.NewString()
			stay, refused := connectMany(t, nodes, user, 20)
			require.Len(t, stay, 5, "try %d", try)
			require.Equal(t, 15, refused)
			require.NoError(t, stay[0].WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second)))
			code, _ := stay[0].closed(t)
			require.Equal(t, 1000, code)
			again, refused := connectMany(t, nodes[:1], user, 2)
			require.Len(t, again, 1, "the lease is released before the close frame is sent")
			require.Equal(t, 1, refused)
		}
	})
}

// TestLeasesOfAKilledNodeExpire checks that the connections of a killed node count for at most half a minute.
func TestLeasesOfAKilledNodeExpire(t *testing.T) {
	t.Parallel()
	s := newEnvironment(t, embedded(t))
	doomed := harness.Start(t, "websocket", s.vars)
	host := doomed.Address(t)
	other := s.node(t, s.vars)
	user := "teacher-" + uuid.NewString()
	require.Eventually(t, func() bool {
		return call(t, "GET", "http://"+host+"/readyz", "", nil).status == 200
	}, waitLimit, 20*time.Millisecond)
	for range 5 {
		connect(t, "ws://"+host+"/ws", as(user))
	}
	doomed.Kill()
	killed := time.Now()
	code, _ := connect(t, other.ws(), as(user)).closed(t)
	require.Equal(t, 4000, code)
	require.Eventually(t, func() bool {
		// For a minute after a refusal, the node answers with an HTTP status.
		c, res, err := websocket.DefaultDialer.Dial(other.ws(), http.Header{"Authorization": {as(user)["Authorization"]}})
		if err != nil {
			if res != nil {
				_ = res.Body.Close()
			}
			return false
		}
		_ = res.Body.Close()
		t.Cleanup(func() { _ = c.Close() })
		_ = c.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping"}`))
		_ = c.SetReadDeadline(time.Now().Add(waitLimit))
		_, _, err = c.ReadMessage()
		return err == nil
	}, 40*time.Second, 250*time.Millisecond)
	require.Less(t, time.Since(killed), 31*time.Second)
}

// TestLongRedisOutageClosesSockets checks that an outage longer than the grace period closes sockets, and a
// shorter one does not.
func TestLongRedisOutageClosesSockets(t *testing.T) {
	t.Parallel()
	onEachRedis(t, func(t *testing.T, b backing) {
		s := newEnvironment(t, b)
		node := s.node(t, s.settings(map[string]string{"WEBSOCKET_REDIS_OUTAGE_GRACE": "4"}))
		c := connect(t, node.ws(), as("teacher-"+uuid.NewString()))
		b.stopRedis()
		node.awaitReady(t, "")
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

// TestDisconnectOnEveryNode checks that the control channel closes all sockets of a user on all nodes, and no
// others.
func TestDisconnectOnEveryNode(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b backing) {
		s := newEnvironment(t, b)
		nodes := []service{s.node(t, s.vars), s.node(t, s.vars)}
		user, other := "teacher-"+uuid.NewString(), "teacher-"+uuid.NewString()
		stays := connect(t, nodes[0].ws(), as(other))
		var sockets []*socket
		for i := range 4 {
			sockets = append(sockets, connect(t, nodes[i%2].ws(), as(user)))
		}
		redis := s.redisClient(t)
		require.Len(t, redis.ZRange(t.Context(), "wsquota:{"+user+"}", 0, -1).Val(), 4)
		require.NoError(t, redis.Publish(t.Context(), "wsctl:disconnect", user).Err())
		for _, c := range sockets {
			require.Equal(t, "AUTHORIZATION_ERROR", c.closedBecause(t, 4003).Code)
		}
		require.Zero(t, redis.Exists(t.Context(), "wsquota:{"+user+"}").Val(), "the leases are released before the close frames are sent")
		require.NoError(t, redis.Publish(t.Context(), "ws:"+other, "still here").Err())
		require.Equal(t, "still here", stays.text(t))
	})
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
func awaitDelivery(t *testing.T, node string, redis *goredis.Client) {
	t.Helper()
	const subscribers = 40
	var group sync.WaitGroup
	for range subscribers {
		user := "subscriber-" + uuid.NewString()
		c := connect(t, "ws://"+node+"/ws", as(user))
		require.NoError(t, redis.Publish(t.Context(), "ws:"+user, "heard").Err())
		group.Go(func() {
			_ = c.SetReadDeadline(time.Now().Add(waitLimit))
			if _, got, err := c.ReadMessage(); err != nil || string(got) != "heard" {
				t.Errorf("subscriber: %q, %v", got, err)
			}
			_ = c.Close()
		})
	}
	group.Wait()
}

// largeMessage returns a message of 8 KiB with its number.
func largeMessage(i int) string { return fmt.Sprintf("%d %s", i, strings.Repeat("x", 8<<10)) }

// readUntilClose reads the messages and then the close frame with 1012.
func readUntilClose(t *testing.T, c *socket, client, messages int) {
	t.Helper()
	defer func() { _ = c.Close() }()
	_ = c.SetReadDeadline(time.Now().Add(waitLimit))
	// The default handler does not report a close frame that it cannot answer at once.
	c.SetCloseHandler(func(code int, _ string) error {
		_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(waitLimit))
		return nil
	})
	for m := range messages {
		if _, got, err := c.ReadMessage(); err != nil || string(got) != largeMessage(m) {
			t.Errorf("client %d, message %d: %d bytes, %v", client, m, len(got), err)
			return
		}
	}
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, 1012) {
		t.Errorf("client %d: no 1012 but %v", client, err)
	}
}

// TestTerminationDeliversQueuedMessages stops a node with many sending clients and fifty queued messages for
// each. Each client receives its messages and the close frame. A client has five seconds to read them, which
// the machine must be able to do for all clients beside the other tests.
func TestTerminationDeliversQueuedMessages(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b backing) {
		const messages = 50
		clients := 80
		if harness.Full() {
			clients = 200
		}
		s := newEnvironment(t, b)
		p := harness.Start(t, "websocket", s.settings(map[string]string{
			"WEBSOCKET_DRAIN_NOTICE": "1", "WEBSOCKET_DRAIN_SPREAD": "5", "WEBSOCKET_MAX_MESSAGES_PER_MINUTE": "0",
		}))
		node, redis := p.Address(t), s.patientPublisher(t)
		require.Eventually(t, func() bool {
			return call(t, "GET", "http://"+node+"/readyz", "", nil).status == 200
		}, waitLimit, 20*time.Millisecond)
		id := uuid.NewString()
		user := func(i int) string { return fmt.Sprintf("teacher-%s-%d", id, i) }
		var talking, reading sync.WaitGroup
		sockets := make([]*socket, clients)
		for i := range sockets {
			sockets[i] = connect(t, "ws://"+node+"/ws", as(user(i)))
			talking.Go(func() {
				pace := time.NewTicker(250 * time.Millisecond)
				defer pace.Stop()
				for sockets[i].WriteMessage(websocket.TextMessage, []byte(`{"type":"hello"}`)) == nil {
					<-pace.C
				}
			})
		}
		// 400 KiB for each client, which does not read yet: more than the kernel buffers.
		for i := range sockets {
			pipe := redis.Pipeline()
			for m := range messages {
				pipe.Publish(t.Context(), "ws:"+user(i), largeMessage(m))
			}
			_, err := pipe.Exec(t.Context())
			require.NoError(t, err)
		}
		awaitDelivery(t, node, redis)
		terminated := time.Now()
		p.Terminate(t)
		for i, c := range sockets {
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
