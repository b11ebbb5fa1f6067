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
	// defaultLease is how long a place outlives the node that held it.
	defaultLease = 30 * time.Second
	// renewalsPerLease is how many renewals fit into a lease, and ticks how many attempts
	// at what could not be done, or looks at which are due, at most.
	renewalsPerLease, retriesPerLease = 3, 30
	// quotaTimeout bounds the wait for one answer about places; a handshake waits
	// for it, and perhaps for the answer before.
	quotaTimeout = time.Second
)

// QuotaConfig says how many places a user has, and who asks for them.
type QuotaConfig struct {
	// PerUser is how many sockets a user may have over all nodes.
	PerUser int
	// Node names this process to operators.
	Node string
	// Lease is how long a place is held without being renewed; 0 means 30 s.
	Lease time.Duration
}

// Quota bounds a user's sockets over all nodes. Each holds a lease in the
// user's sorted set, whose scores are the leases' ends by Redis's own clock;
// Run renews them, and adds those again that Redis has lost. Handshakes that
// come while an answer is awaited are asked about together in the next
// question, and so are those that end, so that a storm costs few round trips.
//
// While Redis does not answer, the local quota alone decides, at once and
// without asking; what it let in is entered when Redis is back, and stays also
// where that is over the limit: only a newcomer is ever refused.
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

// NewQuota returns a quota that falls back to local, which counts the same
// sessions for this node alone and has the same limit. Run is owed to it.
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

// Acquire takes a place for the session. One that this node alone has filled
// is refused without asking. A caller who leaves is waited for all the same, or
// its place could be taken after it was given back.
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
		case !asked: // it is open whether the place is taken: the renewal will take it
		case !granted:
			q.local.Release(user, session)
			return domain.TooManyConnections(q.config.PerUser).At("redis.Acquire")
		default:
			l.renewed = l.since
		}
	}
	q.held.add(user, l)
	return nil
}

// acquireBatch asks for places. It belongs to no handshake: one that leaves must not
// spoil the answers of the others.
func (q *Quota) acquireBatch(asked []leaseKey) (granted []bool, known bool) {
	known = q.withRedis(func(ctx context.Context) (err error) {
		granted, err = q.store.acquire(ctx, asked)
		return err
	})
	return granted, known
}

// Release gives the place back before it returns; while Redis is away, soon
// after it is back.
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

// withRedis asks Redis something, unless it is away; false says that it is. No
// caller's context: who leaves has nobody to wait for it.
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

// releaseAll takes places out of Redis, or owes it while Redis is away.
func (q *Quota) releaseAll(debts []pendingRelease) {
	if len(debts) == 0 {
		return
	}
	if _, gone := q.releaseBatch(leaseKeysOf(debts)); !gone {
		q.deferReleases(debts)
	}
}

// deferReleases leaves to Run what could not be given back.
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

// markUnavailable begins to decide without Redis. It may have lost what it held, so
// every lease is to be renewed when it is back.
func (q *Quota) markUnavailable() {
	if q.unavailable.CompareAndSwap(false, true) {
		q.observer.Observe(domain.QuotaDegraded{Degraded: true})
		q.wakeRun()
	}
}
