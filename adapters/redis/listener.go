package redis

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// followTimeout is the maximum wait for one confirmation.
	followTimeout = 5 * time.Second
	// maxConnections is the maximum number of connections of the subscription, one per core.
	// The goroutine of a connection also writes to its users' sockets, so that more
	// connections than cores do not deliver sooner.
	maxConnections = 4
	// defaultLinger outlasts a page reload and a client's first reconnect.
	defaultLinger = 5 * time.Second
	// defaultPrefix is the default of WEBSOCKET_CHANNEL_PREFIX.
	defaultPrefix = "ws:"
)

// ListenerConfig is the configuration of a Listener.
type ListenerConfig struct {
	// ChannelPrefix begins the channel of every user; the user's id follows.
	ChannelPrefix string `env:"WEBSOCKET_CHANNEL_PREFIX" envDefault:"ws:"`
	// OldChannelPrefix is the same without its colon, under the older name; it
	// counts while WEBSOCKET_CHANNEL_PREFIX has its default.
	OldChannelPrefix string `env:"REDIS_CHANNEL_PREFIX"`
	// MaxBytes is the size of the largest message that is passed on; a larger
	// one is dropped and counted.
	MaxBytes int `env:"NOTIFICATION_MAX_BYTES" envDefault:"262144"`
	// ProbeInterval is how often a message is sent to each connection of the subscription, to
	// check that it still receives.
	ProbeInterval time.Duration `env:"WEBSOCKET_REDIS_PROBE_INTERVAL" envDefault:"5"`
	// Connections is the number of connections; 0 means one per core, at most 4.
	Connections int
	// Linger is how long a subscription is kept after the last Unfollow, so that a reconnect
	// is cheap; 0 means 5 s.
	Linger time.Duration
}

// Prefix returns the effective prefix.
func (c ListenerConfig) Prefix() ChannelPrefix {
	if c.OldChannelPrefix != "" && (c.ChannelPrefix == "" || c.ChannelPrefix == defaultPrefix) {
		return ChannelPrefix(c.OldChannelPrefix + ":")
	}
	return ChannelPrefix(c.ChannelPrefix)
}

// Problems returns an error for every invalid setting.
func (c ListenerConfig) Problems(domain.Environment) []error {
	var problems []error
	p := string(c.Prefix())
	if p == "" || strings.HasPrefix(controlPrefix, p) || strings.HasPrefix(p, controlPrefix) {
		problems = append(problems, domain.Misconfigured("WEBSOCKET_CHANNEL_PREFIX", "must not be empty and must keep users out of "+controlPrefix))
	}
	if c.MaxBytes <= 0 {
		problems = append(problems, domain.Misconfigured("NOTIFICATION_MAX_BYTES", "must be positive"))
	}
	if c.ProbeInterval <= 0 {
		problems = append(problems, domain.Misconfigured("WEBSOCKET_REDIS_PROBE_INTERVAL", "must be positive"))
	}
	return problems
}

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
}

var (
	_ ports.MessageListener = (*Listener)(nil)
	_ ports.HealthProbe     = (*Listener)(nil)
)

var errRunTwice = errors.New("the listener runs already")

// NewListener returns a listener, which connects in Run. It logs when a connection of the
// subscription is lost and when it is restored.
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
	}
	for i := range cfg.Connections {
		s := &shard{
			shardConfig: shardConfig{
				rdb: c.rdb, prefix: l.prefix, probe: controlPrefix + "probe:" + uuid.NewString(),
				interval: cfg.ProbeInterval, maxBytes: cfg.MaxBytes, subscribeControl: i == 0,
			},
			observer: o, log: log, probeConfirmed: make(chan struct{}, 1),
		}
		s.subs = newSubscriptions(l.prefix, cfg.Linger)
		l.shards = append(l.shards, s)
	}
	return l
}

// Follow returns when Redis has confirmed the user's subscription, at once if it already
// exists.
func (l *Listener) Follow(ctx context.Context, user domain.UserID) error {
	ctx, span := l.span(ctx, user)
	defer span.End()
	r := l.subscriptionsOf(user)
	p, first, err := r.follow(user)
	if err != nil {
		return domain.Unreachable("redis", err).WithOp("redis.Follow")
	}
	if first {
		l.followed.add(1)
	}
	if err := p.wait(ctx); err != nil {
		l.Unfollow(user)
		return domain.Unreachable("redis", err).WithOp("redis.Follow")
	}
	return nil
}

// span starts a span for the wait for a confirmation, unless the caller's trace is not
// sampled.
func (l *Listener) span(ctx context.Context, user domain.UserID) (context.Context, trace.Span) {
	if whole := trace.SpanContextFromContext(ctx); whole.IsValid() && !whole.IsSampled() {
		return ctx, noop.Span{}
	}
	return l.tracer.Start(ctx, "websocket.listen", trace.WithAttributes(
		attribute.String("user.id", string(user)), attribute.String("channel", l.prefix.channel(user))))
}

// Unfollow ends one Follow; for a user who is not followed it does nothing.
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

// Health returns unhealthy when any connection of the subscription is down or has not
// received its probe, because its users can miss messages.
func (l *Listener) Health(context.Context) domain.Health {
	for _, s := range l.shards {
		if err := s.unhealthyReason(); err != nil {
			return domain.Health{
				Name: "subscription", Condition: domain.Unhealthy, Note: "the subscription to Redis is down",
				Err: domain.Unreachable("redis", err).WithOp("redis.Health"),
			}
		}
	}
	return domain.Health{Name: "subscription", Condition: domain.Healthy}
}

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

func (t *followCounter) add(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.users += n
	t.observer.Observe(domain.SubscriptionCount{Count: t.users})
}
