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
	// renewals is how many renewals fit into a lease, ticks how many looks at
	// which are due: one that failed is tried again at the next tick.
	renewals, ticks = 3, 30
	// quotaLimit bounds the wait for one answer about a place; a handshake waits
	// for it.
	quotaLimit = time.Second
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
// Run renews them, and adds those again that Redis has lost.
//
// While Redis does not answer, the local quota alone decides, at once and
// without asking; what it let in is entered when Redis is back, and stays also
// where that is over the limit: only a newcomer is ever refused.
type Quota struct {
	rdb      goredis.UniversalClient
	local    ports.ConnectionQuota
	observer ports.Observer
	config   QuotaConfig
	take     *goredis.Script
	extend   *goredis.Script
	leases   *leases
	away     atomic.Bool
}

var _ ports.ConnectionQuota = (*Quota)(nil)

// NewQuota returns a quota that falls back to local, which counts the same
// sessions for this node alone and has the same limit. Run is owed to it.
func NewQuota(c *Client, cfg QuotaConfig, local ports.ConnectionQuota, o ports.Observer) *Quota {
	if cfg.Lease <= 0 {
		cfg.Lease = defaultLease
	}
	return &Quota{
		rdb: c.rdb, local: local, observer: o, config: cfg, leases: newLeases(cfg.Node),
		take: goredis.NewScript(takeScript), extend: goredis.NewScript(extendScript),
	}
}

// Acquire takes a place for the session. One that this node alone has filled
// is refused without asking.
func (q *Quota) Acquire(ctx context.Context, user domain.UserID, session string) error {
	if err := q.local.Acquire(ctx, user, session); err != nil {
		return err
	}
	if q.leases.has(user, session) {
		return nil
	}
	l := lease{since: time.Now()}
	if q.away.Load() {
		q.leases.put(user, session, l)
		return nil
	}
	granted, err := q.ask(ctx, user, q.leases.member(session, l))
	switch {
	case err != nil:
		// It is open whether the place is taken: the renewal will take it.
		if ctx.Err() == nil {
			q.leave()
		}
	case !granted:
		q.local.Release(user, session)
		return domain.TooManyConnections(q.config.PerUser).At("redis.Acquire")
	default:
		l.renewed = l.since
	}
	q.leases.put(user, session, l)
	return nil
}

func (q *Quota) ask(ctx context.Context, user domain.UserID, member string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, quotaLimit)
	defer cancel()
	return q.take.Run(ctx, q.rdb, []string{quotaKey(user)}, member, q.config.PerUser, q.config.Lease.Milliseconds()).Bool()
}

// Release gives the place back before it returns; while Redis is away, soon
// after it is back.
func (q *Quota) Release(user domain.UserID, session string) {
	member, held := q.leases.remove(user, session)
	if held {
		q.drop([]debt{{user: user, member: member, since: time.Now()}})
	}
	q.local.Release(user, session)
}

// drop takes places out of Redis, or owes it while Redis is away.
func (q *Quota) drop(debts []debt) {
	if len(debts) == 0 {
		return
	}
	if !q.away.Load() {
		// No caller's context: who leaves has nobody to wait for it.
		ctx, cancel := context.WithTimeout(context.Background(), quotaLimit)
		defer cancel()
		if q.pay(ctx, debts) == nil {
			return
		}
		q.leave()
	}
	q.leases.owe(debts)
}

func (q *Quota) pay(ctx context.Context, debts []debt) error {
	_, err := q.rdb.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for _, d := range debts {
			p.ZRem(ctx, quotaKey(d.user), d.member)
		}
		return nil
	})
	return err
}

// leave begins to decide without Redis. It may have lost what it held, so
// every lease is to be renewed when it is back.
func (q *Quota) leave() {
	if q.away.CompareAndSwap(false, true) {
		q.observer.Observe(domain.QuotaDegraded{Degraded: true})
	}
}
