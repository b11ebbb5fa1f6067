package redis_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/background"
	"github.com/huleedu/edge/test/contract"
	"github.com/huleedu/edge/test/recorded"
	"github.com/huleedu/edge/test/servers"
)

// patience is the maximum wait for an event.
const patience = 20 * time.Second

// inbox is a handler that queues all calls.
type inbox struct {
	messages     chan string
	gaps         chan domain.Gap
	disconnected chan domain.UserID
}

func newInbox() *inbox {
	return &inbox{messages: make(chan string, 1000), gaps: make(chan domain.Gap, 100), disconnected: make(chan domain.UserID, 100)}
}

func (i *inbox) Deliver(user domain.UserID, payload []byte) {
	i.messages <- string(user) + " " + string(payload)
}

func (i *inbox) Missed(gap domain.Gap) { i.gaps <- gap }

func (i *inbox) Disconnect(user domain.UserID) { i.disconnected <- user }

func (i *inbox) Check(domain.UserID) {}

func (i *inbox) message(t testing.TB) string { return next(t, i.messages) }

func (i *inbox) gap(t testing.TB) domain.Gap { return next(t, i.gaps) }

func next[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(patience):
		require.FailNow(t, "no event in time")
		panic("unreachable")
	}
}

func run(t testing.TB, l *redis.Listener, i *inbox) {
	t.Helper()
	background.Run(t, func(ctx context.Context) error { return l.Run(ctx, i) })
}

func follow(t testing.TB, l *redis.Listener, users ...domain.UserID) {
	t.Helper()
	for _, user := range users {
		require.NoError(t, l.Follow(t.Context(), user))
	}
}

func healthy(l *redis.Listener) func() bool {
	return func() bool { return l.Health(context.Background()).Condition == domain.Healthy }
}

func unhealthy(l *redis.Listener) func() bool {
	return func() bool { return l.Health(context.Background()).Condition == domain.Unhealthy }
}

func TestListenerObservesSubscriptions(t *testing.T) {
	s, facts, in := embedded(t), contract.NewFacts(), newInbox()
	cfg := listenerConfig()
	cfg.MaxBytes = 10
	l := listener(openClient(t, s.url), cfg, facts)
	run(t, l, in)
	follow(t, l, "a", "a", "b")
	send := publisher(t, s.url)
	send("a", strings.Repeat("x", 11), strings.Repeat("x", 10))
	require.Equal(t, "a xxxxxxxxxx", in.message(t), "the larger message must be dropped")
	l.Unfollow("a")
	l.Unfollow("a")
	l.Unfollow("b")
	l.Unfollow("b")

	counts, confirmed := []int{}, 0
	for _, f := range facts.All() {
		switch f := f.(type) {
		case domain.SubscriptionCount:
			counts = append(counts, f.Count)
		case domain.SubscriptionConfirmed:
			confirmed++
			require.Equal(t, "ws:", f.Prefix)
			require.Positive(t, f.Duration)
		}
	}
	require.Equal(t, []int{1, 2, 1, 0}, counts)
	require.Equal(t, 2, confirmed, "each subscription must be observed once")
	require.Equal(t, 1, facts.Count(func(f domain.Fact) bool {
		return f == domain.MessageFailed{Reason: domain.MessageTooBig}
	}))
}

func TestListenerTracesUntilConfirmed(t *testing.T) {
	s, spans := embedded(t), tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	l := redis.NewListener(openClient(t, s.url), listenerConfig(), contract.NewFacts(), tp, slog.New(slog.DiscardHandler))
	run(t, l, newInbox())
	follow(t, l, "anna")
	ended := spans.Ended()
	require.Len(t, ended, 1)
	require.Equal(t, "websocket.listen", ended[0].Name())
	require.ElementsMatch(t, []attribute.KeyValue{
		attribute.String("user.id", "anna"), attribute.String("channel", "ws:anna"),
	}, ended[0].Attributes())
}

func TestListenerIsUnhealthyWithoutRedis(t *testing.T) {
	s := embedded(t)
	client := openClient(t, s.url)
	l := listener(client, listenerConfig(), contract.NewFacts())
	h := l.Health(t.Context())
	require.Equal(t, "subscription", h.Name)
	require.Equal(t, domain.Unhealthy, h.Condition, "no probe is received before Run")
	run(t, l, newInbox())
	require.Eventually(t, healthy(l), patience, time.Millisecond)
	require.Equal(t, domain.Health{Name: "redis", Condition: domain.Healthy}, client.Health(t.Context()))

	s.stop()
	require.Eventually(t, unhealthy(l), patience, time.Millisecond)
	require.Equal(t, domain.ConnectionError, domain.CodeOf(l.Health(t.Context()).Err))
	h = client.Health(t.Context())
	require.Equal(t, domain.Unhealthy, h.Condition)
	require.Equal(t, domain.ConnectionError, domain.CodeOf(h.Err))
	s.start()
	require.Eventually(t, healthy(l), patience, time.Millisecond)
}

// The next attempt is soon, whatever the number of failed ones. The log has one line for all.
func TestListenerReconnectsSoonAfterALongOutage(t *testing.T) {
	t.Parallel()
	var log recorded.Log
	s, in := embedded(t), newInbox()
	d := startMuteProxy(t, s.url)
	cfg := listenerConfig()
	cfg.Connections = 1
	l := redis.NewListener(openClient(t, d.url()), cfg, contract.NewFacts(), noop.NewTracerProvider(),
		slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})))
	run(t, l, in)
	follow(t, l, "a")
	s.stop()
	d.CloseAll()
	require.Eventually(t, func() bool { return d.refused.Load() >= 8 }, patience, time.Millisecond)
	require.Len(t, log.Lines(), 1, "the outage must be logged once")
	s.start()
	back := time.Now()
	require.Equal(t, []domain.UserID{"a"}, in.gap(t).Users)
	require.Less(t, time.Since(back), 2*time.Second)
}

func TestListenerDetectsASilentSubscription(t *testing.T) {
	s, facts, in := embedded(t), contract.NewFacts(), newInbox()
	d := startMuteProxy(t, s.url)
	cfg := listenerConfig()
	cfg.Connections, cfg.ProbeInterval = 1, 100*time.Millisecond
	l := listener(openClient(t, d.url()), cfg, facts)
	run(t, l, in)
	follow(t, l, "a", "b")
	send := publisher(t, s.url)
	d.muteSubscriptions()
	began := time.Now()
	send("a", "lost")
	gap := in.gap(t)
	require.GreaterOrEqual(t, time.Since(began), cfg.ProbeInterval, "two probes were missed")
	require.ElementsMatch(t, []domain.UserID{"a", "b"}, gap.Users)
	require.WithinDuration(t, began.Add(-redis.GapMargin), gap.Since, 3*cfg.ProbeInterval)
	send("a", "received")
	require.Equal(t, "a received", in.message(t))
	require.Equal(t, 1, facts.Count(func(f domain.Fact) bool { return f == domain.Resubscribed{} }))
}

func TestListenerKeepsAWorkingConnection(t *testing.T) {
	s, facts := embedded(t), contract.NewFacts()
	cfg := listenerConfig()
	cfg.ProbeInterval = 50 * time.Millisecond
	l := listener(openClient(t, s.url), cfg, facts)
	run(t, l, newInbox())
	require.Eventually(t, healthy(l), patience, time.Millisecond)
	require.Never(t, unhealthy(l), 10*cfg.ProbeInterval, 5*time.Millisecond)
	require.Zero(t, facts.Count(func(f domain.Fact) bool { return f == domain.Resubscribed{} }))
}

func TestListenerReconnectsAfterClosedConnections(t *testing.T) {
	s, in := embedded(t), newInbox()
	d := startMuteProxy(t, s.url)
	cfg := listenerConfig()
	cfg.Connections = 1
	l := listener(openClient(t, d.url()), cfg, contract.NewFacts())
	run(t, l, in)
	follow(t, l, "a")
	send := publisher(t, s.url)
	for range 5 {
		d.CloseAll()
		require.Equal(t, []domain.UserID{"a"}, in.gap(t).Users)
		follow(t, l, "a") // before or after the subscription is confirmed again
		send("a", "x")
		require.Equal(t, "a x", in.message(t))
	}
}

func TestListenerDetectsAHungRedis(t *testing.T) {
	p, in := servers.OwnRedis(t), newInbox()
	cfg, c := listenerConfig(), settings(p.URL())
	cfg.ProbeInterval, c.ConnectTimeout, c.SocketTimeout = 200*time.Millisecond, 500*time.Millisecond, 500*time.Millisecond
	client, err := redis.Open(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	l := listener(client, cfg, contract.NewFacts())
	run(t, l, in)
	follow(t, l, "a")
	require.Eventually(t, healthy(l), patience, time.Millisecond)
	p.Pause()
	require.Eventually(t, unhealthy(l), patience, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		began := time.Now()
		err := l.Follow(t.Context(), "b")
		return domain.CodeOf(err) == domain.ConnectionError && time.Since(began) < 100*time.Millisecond
	}, patience, 50*time.Millisecond, "Follow must fail at once during a known outage")
	p.Resume()
	require.Equal(t, []domain.UserID{"a"}, in.gap(t).Users)
	require.Eventually(t, healthy(l), patience, 10*time.Millisecond)
	publisher(t, p.URL())("a", "x")
	require.Equal(t, "a x", in.message(t))
}

func TestFollowTimesOutWithoutConfirmation(t *testing.T) {
	s := embedded(t)
	l := listener(openClient(t, s.url), listenerConfig(), contract.NewFacts()) // not running
	began := time.Now()
	err := l.Follow(t.Context(), "a")
	require.Equal(t, domain.ConnectionError, domain.CodeOf(err))
	require.InDelta(t, 5, time.Since(began).Seconds(), 1)
}
