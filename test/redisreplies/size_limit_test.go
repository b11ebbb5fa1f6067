package redisreplies_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/servers"
)

// frameRecorder is a message handler that stores the last frame of each user.
type frameRecorder struct {
	mu     sync.Mutex
	frames map[domain.UserID]string
}

func (h *frameRecorder) Deliver(user domain.UserID, payload []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.frames[user] = string(payload)
}

func (*frameRecorder) Missed(domain.Gap)        {}
func (*frameRecorder) Disconnect(domain.UserID) {}
func (*frameRecorder) Check(domain.UserID)      {}

func (h *frameRecorder) of(user domain.UserID) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.frames[user]
}

// The test publishes frames of each size around the limit. A listener with the same limit must
// deliver each notification that is accepted.
func TestEveryAcceptedNotificationIsDelivered(t *testing.T) {
	const limit = 2000
	r := servers.EmbeddedRedis(t)
	client, err := redis.Open(redis.Config{URL: domain.Secret(r.URL()), ConnectTimeout: time.Second, SocketTimeout: time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	facts := &memory.Facts{}
	listener := redis.NewListener(client, redis.ListenerConfig{ChannelPrefix: "ws:", MaxBytes: limit, ProbeInterval: time.Second},
		facts, noop.NewTracerProvider(), slog.New(slog.DiscardHandler))
	got := &frameRecorder{frames: map[domain.UserID]string{}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- listener.Run(ctx, got) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	notifier := redis.NewNotifier(client, redis.NotifierConfig{Max: 10, TTL: time.Minute}, "ws:")
	use := app.NewNotifications(app.NotificationConfig{Topic: topic, MaxBytes: limit}, notifier, nil, facts)
	accepted, rejected := 0, 0
	for fill := limit - 350; fill < limit; fill++ {
		user := domain.UserID(fmt.Sprintf("u%04d", fill))
		require.NoError(t, listener.Follow(t.Context(), user))
		_, err := use.Accept(t.Context(), domain.Envelope{
			EventID: "e", EventType: topic,
			Data: fmt.Appendf(nil, `{"teacher_id":%q,"notification_type":"x","category":"batch_progress","priority":"low","payload":{"f":%q}}`,
				user, strings.Repeat("x", fill)),
		})
		if err != nil {
			require.Equal(t, domain.ValidationError, domain.CodeOf(err))
			rejected++
			continue
		}
		accepted++
		require.Eventually(t, func() bool { return got.of(user) != "" }, patience, time.Millisecond, "accepted but not delivered: %d", fill)
		require.LessOrEqual(t, len(got.of(user)), limit)
	}
	require.Positive(t, accepted)
	require.Positive(t, rejected)
}
