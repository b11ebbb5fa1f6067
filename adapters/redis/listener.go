package redis

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/internal/dependency"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// followTimeout is the maximum wait for one confirmation.
	followTimeout = 5 * time.Second
	// maxConnections limits the default number of connections of the subscription, which is
	// one per core; a configured number is not limited.
	// The goroutine of a connection also writes to its users' sockets, so that more
	// connections than cores do not deliver sooner.
	maxConnections = 4
	// defaultLinger is how long a subscription is kept after its last follower. It outlasts a page reload and a client's first reconnect.
	defaultLinger = 5 * time.Second
)

// subscriptionName names the subscription in health responses, logs and metrics.
const subscriptionName = "subscription"

// Listener subscribes to users' channels on a few connections, independent of the number of
// users. It uses classic pub/sub, which works on a single server, with sentinels and on a
// cluster.
type Listener struct {
	prefix   ChannelPrefix
	observer ports.Observer
	tracer   trace.Tracer
	shards   []*shard
	seed     maphash.Seed
	running  atomic.Bool
	followed followCounter
	// state logs and counts whether all connections work.
	state *dependency.Tracker
}

var (
	_ ports.MessageListener = (*Listener)(nil)
	_ ports.HealthProbe     = (*Listener)(nil)
)

var errRunTwice = errors.New("the listener is already running")

// NewListener returns a listener, which connects in Run. It logs when the subscription is lost
// and when all its connections are restored.
func NewListener(c *Client, cfg ListenerConfig, o ports.Observer, tp trace.TracerProvider, log *slog.Logger) *Listener {
	if cfg.Connections <= 0 {
		cfg.Connections = min(runtime.GOMAXPROCS(0), maxConnections)
	}
	if cfg.Linger <= 0 {
		cfg.Linger = defaultLinger
	}
	l := &Listener{
		prefix: cfg.Prefix(), observer: o, seed: maphash.MakeSeed(),
		tracer:   tp.Tracer("github.com/huleedu/edge/adapters/redis"),
		followed: followCounter{observer: o},
		state:    dependency.NewTracker(dependency.Config{Name: subscriptionName, Address: c.location}, o, log),
	}
	for i := range cfg.Connections {
		s := &shard{
			shardConfig: shardConfig{
				rdb: c.rdb, prefix: l.prefix, probe: controlPrefix + "probe:" + uuid.NewString(),
				interval: cfg.ProbeInterval, maxBytes: cfg.MaxBytes, subscribeControl: i == 0,
			},
			observer: o, changed: l.reportState, probeConfirmed: make(chan struct{}, 1),
		}
		s.subs = newSubscriptions(l.prefix, cfg.Linger)
		l.shards = append(l.shards, s)
	}
	return l
}

// Follow subscribes the user's channel and returns when Redis has confirmed it, at once if it
// is already subscribed.
func (l *Listener) Follow(ctx context.Context, user domain.UserID) error {
	ctx, span := l.span(ctx, user)
	defer span.End()
	confirmation, first, err := l.subscriptionsOf(user).follow(user)
	if err != nil {
		return domain.Unreachable("redis", err).WithOp("redis.Follow")
	}
	if first {
		l.followed.add(1)
	}
	if err := confirmation.wait(ctx); err != nil {
		l.Unfollow(user)
		return domain.Unreachable("redis", err).WithOp("redis.Follow")
	}
	return nil
}

// span starts a span of the wait for a confirmation. It starts none if the caller's trace is
// not sampled.
func (l *Listener) span(ctx context.Context, user domain.UserID) (context.Context, trace.Span) {
	if caller := trace.SpanContextFromContext(ctx); caller.IsValid() && !caller.IsSampled() {
		return ctx, noop.Span{}
	}
	return l.tracer.Start(ctx, "websocket.listen", trace.WithAttributes(
		attribute.String("user.id", string(user)), attribute.String("channel", l.prefix.channel(user))))
}

// Unfollow reverts one Follow. It does nothing for a user who is not followed.
func (l *Listener) Unfollow(user domain.UserID) {
	if last := l.subscriptionsOf(user).unfollow(user, time.Now()); last {
		l.followed.add(-1)
	}
}

// Run maintains the subscription until ctx is done. Follow returns an error after that. A
// second call returns INITIALIZATION_FAILED.
func (l *Listener) Run(ctx context.Context, handler ports.MessageHandler) error {
	if !l.running.CompareAndSwap(false, true) {
		return domain.NotStarted("subscription", errRunTwice).WithOp("redis.Run")
	}
	var group sync.WaitGroup
	for _, s := range l.shards {
		group.Go(func() { s.run(ctx, handler) })
	}
	group.Wait()
	return nil
}

// reportState reports to the tracker why a connection was lost, or that all work again.
func (l *Listener) reportState(lost error) {
	if lost != nil || !slices.ContainsFunc(l.shards, func(s *shard) bool { return s.unhealthyReason() != nil }) {
		l.state.Report(lost)
	}
}

// Health returns unhealthy if any connection of the subscription is down or has not received
// its probe: the users of that connection can miss messages.
func (l *Listener) Health(context.Context) domain.Health {
	for _, s := range l.shards {
		if err := s.unhealthyReason(); err != nil {
			return domain.Health{
				Name: subscriptionName, Condition: domain.Unhealthy, Note: "the subscription to Redis is down",
				Err: domain.Unreachable("redis", err).WithOp("redis.Health"),
			}
		}
	}
	return domain.Health{Name: subscriptionName, Condition: domain.Healthy}
}

// subscriptionsOf returns the subscriptions of the user's connection.
func (l *Listener) subscriptionsOf(user domain.UserID) *subscriptions {
	return l.shards[maphash.String(l.seed, string(user))%uint64(len(l.shards))].subs
}

// followCounter counts the followed users and reports each change in order, so that the last
// report is correct.
type followCounter struct {
	mu       sync.Mutex
	users    int
	observer ports.Observer
}

func (c *followCounter) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.users += n
	c.observer.Observe(domain.SubscriptionCount{Count: c.users})
}
