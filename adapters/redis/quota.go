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
	// renewalsPerLease is the number of renewals during a lease.
	renewalsPerLease = 3
	// retriesPerLease is the number of attempts during a lease after a failure.
	retriesPerLease = 30
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
	rdb            goredis.UniversalClient
	local          ports.ConnectionQuota
	observer       ports.Observer
	config         QuotaConfig
	renew, release batchScript[int64]
	acquires       batcher[*lease, int64]
	releases       batcher[*lease, int64]
	held           *heldLeases
	unavailable    atomic.Bool
}

var _ ports.ConnectionQuota = (*Quota)(nil)

// NewQuota returns a quota that falls back to local, which counts only this node's sessions
// and has the same limit. The caller must start Run.
func NewQuota(c *Client, cfg QuotaConfig, local ports.ConnectionQuota, o ports.Observer) *Quota {
	if cfg.Lease <= 0 {
		cfg.Lease = defaultLease
	}
	q := &Quota{
		rdb: c.rdb, local: local, observer: o, config: cfg, held: newHeldLeases(),
		renew: newCountScript(c.rdb, renewLeaseScript, 1), release: newCountScript(c.rdb, releaseLeaseScript, 1),
	}
	acquire := newCountScript(c.rdb, acquireLeaseScript, 1)
	q.acquires = newBatcher(2*quotaTimeout, q.batch(acquire, cfg.PerUser, cfg.Lease.Milliseconds()))
	q.releases = newBatcher(2*quotaTimeout, q.batch(q.release))
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
	l := newLease(user, session, q.config.Node)
	if !q.unavailable.Load() {
		granted, known := q.acquires.do(context.Background(), l)
		if known && granted == 0 {
			q.local.Release(user, session)
			return domain.TooManyConnections(q.config.PerUser).WithOp("redis.Acquire")
		}
		l.confirmed = known // if it is unknown whether Redis has the lease, Run adds it
	}
	q.held.add(l)
	return nil
}

// Release removes the lease before it returns. While Redis is unavailable, Run removes it
// later.
func (q *Quota) Release(user domain.UserID, session string) {
	if l := q.held.remove(user, session); l != nil {
		if _, released := q.releases.do(context.Background(), l); !released {
			q.held.deferRelease(l)
		}
	}
	q.local.Release(user, session)
}

// checkChannel is the control channel for requests to check a user's connections. The
// payload is the user's id.
const checkChannel = controlPrefix + "ping"

// Reclaim publishes a request to check the user's connections to every node, including
// this one. It does nothing while Redis is known to be unavailable.
func (q *Quota) Reclaim(ctx context.Context, user domain.UserID) {
	if q.unavailable.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, quotaTimeout)
	defer cancel()
	_ = q.rdb.Publish(ctx, checkChannel, string(user)).Err() // the next refusal asks again
}

// batch returns a function that runs the script on leases. It returns false if there is no
// result, and at once while Redis is known to be unavailable. It uses no caller's context,
// because one cancelled handshake must not fail the others.
func (q *Quota) batch(script batchScript[int64], common ...any) func([]*lease) ([]int64, bool) {
	return func(leases []*lease) ([]int64, bool) {
		if q.unavailable.Load() {
			return nil, false
		}
		results, err := q.run(context.Background(), script, leases, common...)
		if err != nil {
			q.markUnavailable()
		}
		return results, err == nil
	}
}

// run runs the script on leases, with the common arguments and the member of each lease.
func (q *Quota) run(ctx context.Context, script batchScript[int64], leases []*lease, common ...any) ([]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, quotaTimeout)
	defer cancel()
	keys, members := make([]string, len(leases)), make([]any, len(leases))
	for i, l := range leases {
		keys[i], members[i] = quotaKey(l.user), l.member
	}
	return script.run(ctx, keys, common, members)
}

// markUnavailable starts to decide without Redis. Redis can lose its data meanwhile, so Run
// renews every lease when it is back.
func (q *Quota) markUnavailable() {
	if q.unavailable.CompareAndSwap(false, true) {
		q.observer.Observe(domain.QuotaDegraded{Degraded: true})
	}
}
