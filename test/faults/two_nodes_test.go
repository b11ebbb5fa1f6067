package faults_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/console"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/servers"
)

// transcript records events in order and the frames of each client.
type transcript struct {
	startedAt time.Time

	mu     sync.Mutex
	lines  []string
	frames map[string][]string
}

func (r *transcript) log(who, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf("%6.3f s  %-9s %s", time.Since(r.startedAt).Seconds(), who, what))
}

func (r *transcript) frame(who string, frame []byte) {
	r.log(who, "<- "+string(frame))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frames[who] = append(r.frames[who], string(frame))
}

func (r *transcript) of(who string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.frames[who]...)
}

// listen connects one socket of the user.
func (r *transcript) listen(t *testing.T, who, user, addr string) {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	connected, done := make(chan struct{}), make(chan error, 1)
	var once sync.Once
	s := console.NotificationClient{
		URL: "ws://" + addr + "/ws", Token: harness.Token(user), Since: "0",
		OnFrame: func(frame []byte) { r.frame(who, frame) },
		OnStatus: func(text string) {
			r.log(who, text)
			once.Do(func() { close(connected) })
		},
	}
	go func() { done <- s.Listen(ctx) }()
	t.Cleanup(func() {
		end()
		require.NoError(t, <-done)
	})
	<-connected
}

// TestTwoNodesOneUser checks that the sockets of a user on two nodes receive the same
// frames once and in the same order, regardless of which node reads Kafka.
func TestTwoNodesOneUser(t *testing.T) {
	t.Parallel()
	s := newEnvironment(t, servers.Redis(t), servers.Kafka(t), nil)
	first, second := s.startNode(t), s.startNode(t)
	pub, user := s.publisher(t), "teacher-"+uuid.NewString()
	r := &transcript{startedAt: time.Now(), frames: map[string][]string{}}
	r.listen(t, "on node 1", user, first)
	r.listen(t, "on node 2", user, second)
	from := &sender{user: user, events: uuid.NewString()}
	const each = 3
	for n := 1; n <= each; n++ {
		record := from.record(s.topic, n)
		for range 2 { // a producer retries after a lost response
			r.log("kafka", fmt.Sprintf("stored %d as event %s-%d", n, "...", n))
			require.Eventually(t, func() bool { return pub.kafka.WriteMessages(t.Context(), record) == nil },
				waitLimit, 100*time.Millisecond)
		}
		r.await(t, 2*n-1)
		r.log("redis", fmt.Sprintf("direct %d", n))
		require.NoError(t, pub.redis.Publish(t.Context(), "ws:"+user, harness.DirectMessage(n)).Err())
		r.await(t, 2*n)
	}
	pause.For(settleTime, "a duplicate would arrive in this time")
	one, two := r.of("on node 1"), r.of("on node 2")
	require.Len(t, one, 2*each)
	require.Equal(t, one, two)
	r.mu.Lock()
	defer r.mu.Unlock()
	t.Log("\n" + strings.Join(r.lines, "\n"))
}

// await waits until both sockets have received the number of frames.
func (r *transcript) await(t *testing.T, frames int) {
	t.Helper()
	for _, who := range []string{"on node 1", "on node 2"} {
		require.Eventually(t, func() bool { return len(r.of(who)) >= frames }, waitLimit, 5*time.Millisecond)
	}
}
