package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/tcp"
)

// publisher stores numbered notifications for a user, and publishes a direct message after each.
type publisher struct {
	user   domain.UserID
	count  atomic.Int64
	done   chan struct{}
	cancel context.CancelFunc
}

// startPublisher publishes until it is stopped or the test ends.
func (s *environment) startPublisher(t *testing.T, interval time.Duration) *publisher {
	t.Helper()
	client, err := redis.Open(redis.Config{URL: domain.Secret(s.redis), ConnectTimeout: time.Second, SocketTimeout: 5 * time.Second})
	require.NoError(t, err)
	notifier := redis.NewNotifier(client, redis.NotifierConfig{Max: 20_000, TTL: time.Hour}, "ws:")
	direct := s.redisClient(t)
	ctx, halt := context.WithCancel(context.Background())
	l := &publisher{user: domain.UserID("teacher-" + uuid.NewString()), done: make(chan struct{}), cancel: halt}
	go func() {
		defer close(l.done)
		defer func() { _ = client.Close() }()
		for ; ctx.Err() == nil; pause.For(interval, "the interval of the load") {
			n := l.count.Load() + 1
			_, err := notifier.Publish(context.Background(), domain.Notification{
				User: l.user, EventID: fmt.Sprint(n), Frame: fmt.Appendf(nil, `{"event":"kept","data":{"n":%d}}`, n),
			})
			if err == nil {
				l.count.Store(n)
				_ = direct.Publish(context.Background(), "ws:"+string(l.user), `{"event":"direct","data":{}}`).Err()
			}
		}
	}()
	t.Cleanup(func() { l.stop() })
	return l
}

// stop stops and returns the number of stored notifications.
func (l *publisher) stop() int {
	l.cancel()
	<-l.done
	return int(l.count.Load())
}

// subscriber is a client that resumes after the last notification that it has received.
type subscriber struct {
	via      transport
	user     domain.UserID
	last     string
	received int // stored notifications; number n is the n-th
	resyncs  int
	conn     connection
}

var errOutOfOrder = errors.New("not the next notification")

// connect opens a connection that resumes. The node may refuse it.
func (f *subscriber) connect(host string) (err error) {
	f.conn, err = f.via.tryConnect(context.Background(), host, string(f.user), f.last)
	return err
}

// read reads one frame. Stored notifications must arrive in order, each once.
func (f *subscriber) read() error {
	text, err := f.conn.read(10 * time.Second)
	if err != nil {
		return err
	}
	var in struct {
		Event string
		ID    string
		Data  struct{ N int }
	}
	if err := json.Unmarshal([]byte(text), &in); err != nil {
		return err
	}
	switch in.Event {
	case "direct":
	case "resync":
		f.resyncs++
	case "kept":
		if in.Data.N != f.received+1 {
			return fmt.Errorf("%w: %d behind %d (%s)", errOutOfOrder, in.Data.N, f.received, text)
		}
		f.received, f.last = in.Data.N, in.ID
	default:
		return fmt.Errorf("%w: %s", errOutOfOrder, text)
	}
	return nil
}

// catchUp reads until the number of stored notifications has arrived. It reconnects as often as necessary.
func (f *subscriber) catchUp(want int, nodes ...string) error {
	for deadline := time.Now().Add(waitLimit); time.Now().Before(deadline); {
		if f.conn == nil && f.connect(nodes[rand.IntN(len(nodes))]) != nil {
			pause.For(20*time.Millisecond, "backoff before the next connection")
			continue
		}
		for f.received < want {
			err := f.read()
			if errors.Is(err, errOutOfOrder) {
				return err
			}
			if err != nil {
				break
			}
		}
		if f.received >= want {
			return nil
		}
		f.disconnect()
	}
	return fmt.Errorf("has %d of %d", f.received, want)
}

// disconnect closes the connection without a close frame.
func (f *subscriber) disconnect() {
	if f.conn != nil {
		_ = f.conn.Close()
	}
	f.conn = nil
}

// TestResumeDeliversEachNotificationOnce disconnects a client at random times. It resumes on one of two nodes
// while notifications are published.
func TestResumeDeliversEachNotificationOnce(t *testing.T) {
	t.Parallel()
	onTransports(t, onEach, func(t *testing.T, via transport, b backing) {
		s := newEnvironment(t, b)
		vars := s.settings(map[string]string{"WEBSOCKET_MAX_CONNECTIONS_PER_USER": "100"})
		nodes := []string{s.node(t, vars).Addr, s.node(t, vars).Addr}
		l := s.startPublisher(t, time.Millisecond)
		f := &subscriber{via: via, user: l.user, last: "0"}
		rounds := harness.Count(200, 60)
		for range rounds {
			require.NoError(t, f.catchUp(f.received+rand.IntN(25), nodes...))
			f.disconnect()
			if rand.IntN(10) == 0 {
				pause.For(time.Duration(rand.IntN(100))*time.Millisecond, "the client is absent for a random time")
			}
		}
		total := l.stop()
		require.NoError(t, f.catchUp(total, nodes...))
		f.disconnect()
		require.Equal(t, total, f.received)
		t.Logf("%d stored notifications over %d connections", total, rounds+1)
	})
}

// TestReplayAfterRedisDisconnects closes the node's connections to Redis again and again. The connections of
// the clients stay open and receive all stored notifications.
func TestReplayAfterRedisDisconnects(t *testing.T) {
	t.Parallel()
	onTransports(t, onEach, func(t *testing.T, via transport, b backing) {
		s := newEnvironment(t, b)
		proxy := tcp.Forward(t, tcp.To(strings.TrimPrefix(s.redis, "redis://")))
		node := s.node(t, s.settings(map[string]string{"REDIS_URL": "redis://" + proxy.Addr}))
		l := s.startPublisher(t, time.Millisecond)
		followers := []*subscriber{{via: via, user: l.user, last: "0"}, {via: via, user: l.user, last: "0"}}
		for _, f := range followers {
			require.NoError(t, f.connect(node.Addr))
		}
		done := make(chan error, len(followers))
		var total atomic.Int64
		for _, f := range followers {
			go func() {
				for want := total.Load(); want == 0 || f.received < int(want); want = total.Load() {
					if err := f.read(); err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
		}
		const breaks = 10
		for range breaks {
			pause.For(time.Duration(100+rand.IntN(300))*time.Millisecond, "connections break at random times")
			proxy.CloseAll()
		}
		node.awaitReady(t, "ready")
		l.cancel()
		total.Store(int64(l.stop()))
		// One more, because a subscriber waits for a frame.
		require.NoError(t, s.redisClient(t).Publish(t.Context(), "ws:"+string(l.user), `{"event":"direct","data":{}}`).Err())
		for range followers {
			require.NoError(t, <-done)
		}
		for _, f := range followers {
			require.Equal(t, int(total.Load()), f.received)
			require.Positive(t, f.resyncs)
			t.Logf("%d stored notifications, %d breaks announced", f.received, f.resyncs)
			f.disconnect()
		}
	})
}

// TestResumeAfterNodesAreKilled kills one of two nodes again and again under load. Clients that resume on the
// other node lose no stored notification.
func TestResumeAfterNodesAreKilled(t *testing.T) {
	t.Parallel()
	onTransports(t, onEach, func(t *testing.T, via transport, b backing) {
		s := newEnvironment(t, b)
		vars := s.settings(map[string]string{"WEBSOCKET_MAX_CONNECTIONS_PER_USER": "100"})
		const users = 5
		kills := harness.Count(6, 3)
		var tellers [users]*publisher
		var followers [users]*subscriber
		for i := range users {
			tellers[i] = s.startPublisher(t, 5*time.Millisecond)
			followers[i] = &subscriber{via: via, user: tellers[i].user, last: "0"}
		}
		nodes := []*harness.Program{harness.Start(t, "websocket", vars), harness.Start(t, "websocket", vars)}
		addresses := []string{nodes[0].Address(t), nodes[1].Address(t)}
		for kill := range kills {
			failed := make(chan error, users)
			for i, f := range followers {
				go func() { failed <- f.catchUp(f.received+200+i, addresses...) }()
			}
			pause.For(time.Duration(rand.IntN(1000))*time.Millisecond, "nodes are killed at random times")
			one := kill % 2
			nodes[one].Kill()
			nodes[one] = harness.Start(t, "websocket", vars)
			for range followers {
				require.NoError(t, <-failed)
			}
			addresses[one] = nodes[one].Address(t)
		}
		sum := 0
		for i, f := range followers {
			total := tellers[i].stop()
			require.NoError(t, f.catchUp(total, addresses...))
			require.Equal(t, total, f.received)
			f.disconnect()
			sum += total
		}
		t.Logf("%d stored notifications to %d users over %d kills", sum, users, kills)
	})
}
