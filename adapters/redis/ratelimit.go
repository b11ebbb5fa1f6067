package redis

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// LimiterConfig sets the timeout of one round trip of the RateLimiter to Redis.
type LimiterConfig struct {
	// Timeout is the timeout of the round trip to Redis that decides about a request. After a
	// timeout each node decides alone until Redis answers again.
	Timeout time.Duration `env:"API_GATEWAY_RATE_LIMIT_TIMEOUT" envDefault:"0.1"`
}

// Problems returns an error for a timeout that is not positive.
func (c LimiterConfig) Problems(domain.Environment) []error {
	if c.Timeout <= 0 {
		return []error{domain.Misconfigured("API_GATEWAY_RATE_LIMIT_TIMEOUT", "must be positive")}
	}
	return nil
}

// recoveryInterval is the interval between attempts while Redis is unavailable.
const recoveryInterval = 500 * time.Millisecond

// RateLimiter counts requests in windows that all nodes share, by the clock of Redis. It
// batches concurrent requests. It caches refusals until the window ends, so that further
// requests of the same party do not reach Redis.
//
// If Redis fails or exceeds the timeout, the local limiter decides about this request and
// all others until Run finds that Redis answers again.
type RateLimiter struct {
	local       ports.RateLimiter
	observer    ports.Observer
	timeout     time.Duration
	counter     batchScript[int64]
	requests    batcher[windowRequest, windowState]
	denied      deniedCache
	unavailable atomic.Bool
}

var _ ports.RateLimiter = (*RateLimiter)(nil)

// NewRateLimiter returns a limiter that falls back to local, which counts only this node's
// requests. The caller must start Run.
func NewRateLimiter(c *Client, cfg LimiterConfig, local ports.RateLimiter, o ports.Observer) *RateLimiter {
	l := &RateLimiter{
		local: local, observer: o, timeout: cfg.Timeout, counter: newCountScript(c.rdb, countScript, 2),
		denied: newDeniedCache(),
	}
	l.requests = newBatcher(cfg.Timeout, l.countBatch)
	return l
}

// Take counts the request and returns the decision. It waits at most twice the timeout: for
// the previous batch and for its own.
func (l *RateLimiter) Take(ctx context.Context, party string, limit domain.Limit) domain.RateDecision {
	key := windowKey(party, limit.Class)
	if left := l.denied.remaining(key); left > 0 {
		return domain.RateDecision{Reset: left}
	}
	if l.unavailable.Load() {
		return l.local.Take(ctx, party, limit)
	}
	w, counted := l.requests.do(ctx, windowRequest{key: key, length: limit.Window})
	switch {
	case !counted:
		return l.local.Take(ctx, party, limit)
	case w.count > int64(limit.Max):
		l.denied.add(key, w.ends)
		return domain.RateDecision{Reset: max(time.Until(w.ends), 0)}
	default:
		return domain.RateDecision{
			Allowed: true, Remaining: limit.Max - int(w.count),
			Reset: min(max(time.Until(w.ends), 0), limit.Window),
		}
	}
}

// countBatch counts all requests in one round trip. It returns false if there is no result, and
// at once while Redis is known to be unavailable. It uses no request's context, because one
// cancelled request must not fail the others.
func (l *RateLimiter) countBatch(requests []windowRequest) ([]windowState, bool) {
	if l.unavailable.Load() {
		return nil, false
	}
	windows, err := l.countWindows(context.Background(), requests)
	if err != nil && l.unavailable.CompareAndSwap(false, true) {
		l.observer.Observe(domain.LimiterDegraded{Degraded: true})
	}
	return windows, err == nil
}

// Run returns the limiter to Redis after each outage. It returns when ctx is done.
func (l *RateLimiter) Run(ctx context.Context) error {
	ticker := time.NewTicker(recoveryInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if l.unavailable.Load() {
				l.tryRecover(ctx)
			}
		}
	}
}

// tryRecover uses Redis again if it counts a request within the timeout.
func (l *RateLimiter) tryRecover(ctx context.Context) {
	if _, err := l.countWindows(ctx, []windowRequest{{key: probeKey, length: recoveryInterval}}); err == nil {
		l.unavailable.Store(false)
		l.observer.Observe(domain.LimiterDegraded{Degraded: false})
	}
}
