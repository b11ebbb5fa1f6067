package redis

import (
	"context"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// defaultLease is how long a lease outlives a node that has died.
	defaultLease = 30 * time.Second
	// renewalsPerLease is the number of renewals during a lease, and retriesPerLease the
	// maximum number of attempts after a failure.
	renewalsPerLease, retriesPerLease = 3, 30
	// quotaTimeout is the timeout of one round trip. A handshake waits for its own and
	// perhaps for the previous one.
	quotaTimeout = time.Second
)

// QuotaConfig is the limit of connections per user, and the name of this node.
type QuotaConfig struct {
	// PerUser is the maximum number of a user's connections on all nodes.
	PerUser int
	// Node names this process to operators.
	Node string
	// Lease is the lifetime of a lease without renewal; 0 means 30 s.
	Lease time.Duration
}

// Quota limits a user's connections on all nodes. Each connection has a lease in the user's
// sorted set, whose scores are the ends of the leases by the clock of Redis. Run renews the
// leases, and adds those again that Redis has lost. Concurrent acquisitions and releases are
// batched.
//
// Quota fails open: while Redis does not answer, the local quota decides alone, without a
// round trip. Run adds the sessions that it admitted when Redis is back, also above the
// limit: only new sessions are refused.
type Quota struct {
	rdb         goredis.UniversalClient
	local       ports.ConnectionQuota
	observer    ports.Observer
	config      QuotaConfig
	store       *leaseStore
	acquires    batcher[leaseKey, bool]
	releases    batcher[leaseKey, struct{}]
	held        *heldLeases
	unavailable atomic.Bool
	// wake tells Run that there is work before the next lease is due.
	wake chan struct{}
}

var _ ports.ConnectionQuota = (*Quota)(nil)

// NewQuota returns a quota that falls back to local, which counts only this node's sessions
// and has the same limit. The caller must start Run.
func NewQuota(c *Client, cfg QuotaConfig, local ports.ConnectionQuota, o ports.Observer) *Quota {
	if cfg.Lease <= 0 {
		cfg.Lease = defaultLease
	}
	q := &Quota{
		rdb: c.rdb, local: local, observer: o, config: cfg, held: newHeldLeases(cfg.Node), wake: make(chan struct{}, 1),
		store: newLeaseStore(c.rdb, cfg.PerUser, cfg.Lease),
	}
	q.acquires = newBatcher(2*quotaTimeout, q.acquireBatch)
	q.releases = newBatcher(2*quotaTimeout, q.releaseBatch)
	return q
}

// Acquire acquires a lease for the session. It returns QUOTA_EXCEEDED without a round trip
// if this node alone has reached the limit. It admits the session if Redis does not answer.
// It ignores the cancellation of ctx, because a lease could then be added after its release.
func (q *Quota) Acquire(_ context.Context, user domain.UserID, session string) error {
	if err := q.local.Acquire(context.Background(), user, session); err != nil {
		return err
	}
	if q.held.has(user, session) {
		return nil
	}
	l := heldLease{session: session, since: time.Now()}
	if !q.unavailable.Load() {
		granted, asked := q.acquires.do(context.Background(), leaseKey{user, q.held.member(l)})
		switch {
		case !asked: // unknown whether the lease exists: the renewal adds it
		case !granted:
			q.local.Release(user, session)
			return domain.TooManyConnections(q.config.PerUser).WithOp("redis.Acquire")
		default:
			l.renewed = l.since
		}
	}
	q.held.add(user, l)
	return nil
}

// acquireBatch acquires leases. It uses no caller's context, because one cancelled handshake
// must not fail the others.
func (q *Quota) acquireBatch(asked []leaseKey) (granted []bool, known bool) {
	known = q.withRedis(func(ctx context.Context) (err error) {
		granted, err = q.store.acquire(ctx, asked)
		return err
	})
	return granted, known
}

// Release removes the lease before it returns. While Redis is unavailable, Run removes it
// later.
func (q *Quota) Release(user domain.UserID, session string) {
	if member, held := q.held.remove(user, session); held {
		left := leaseKey{user, member}
		if _, gone := q.releases.do(context.Background(), left); !gone {
			q.deferReleases([]pendingRelease{{leaseKey: left, since: time.Now()}})
		}
	}
	q.local.Release(user, session)
}

func (q *Quota) releaseBatch(left []leaseKey) ([]struct{}, bool) {
	return make([]struct{}, len(left)), q.withRedis(func(ctx context.Context) error { return q.store.release(ctx, left) })
}

// withRedis makes a round trip, unless Redis is known to be unavailable. It returns false
// if there was no result.
func (q *Quota) withRedis(ask func(context.Context) error) bool {
	if q.unavailable.Load() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), quotaTimeout)
	defer cancel()
	if ask(ctx) != nil {
		q.markUnavailable()
		return false
	}
	return true
}

// releaseAll removes leases, later if Redis is unavailable.
func (q *Quota) releaseAll(debts []pendingRelease) {
	if len(debts) == 0 {
		return
	}
	if _, gone := q.releaseBatch(leaseKeysOf(debts)); !gone {
		q.deferReleases(debts)
	}
}

// deferReleases leaves releases to Run.
func (q *Quota) deferReleases(debts []pendingRelease) {
	q.held.addPendingReleases(debts)
	q.wakeRun()
}

func (q *Quota) wakeRun() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// markUnavailable starts to decide without Redis. Redis can lose its data meanwhile, so Run
// renews every lease when it is back.
func (q *Quota) markUnavailable() {
	if q.unavailable.CompareAndSwap(false, true) {
		q.observer.Observe(domain.QuotaDegraded{Degraded: true})
		q.wakeRun()
	}
}
