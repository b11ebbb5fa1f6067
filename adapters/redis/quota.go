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
	// renewals is how many renewals fit into a lease, and ticks how many attempts
	// at what could not be done, or looks at which are due, at most.
	renewals, ticks = 3, 30
	// quotaLimit bounds the wait for one answer about places; a handshake waits
	// for it, and perhaps for the answer before.
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
// Run renews them, and adds those again that Redis has lost. Handshakes that
// come while an answer is awaited are asked about together in the next
// question, and so are those that end, so that a storm costs few round trips.
//
// While Redis does not answer, the local quota alone decides, at once and
// without asking; what it let in is entered when Redis is back, and stays also
// where that is over the limit: only a newcomer is ever refused.
type Quota struct {
	rdb      goredis.UniversalClient
	local    ports.ConnectionQuota
	observer ports.Observer
	config   QuotaConfig
	places   *places
	takes    queue[place, bool]
	drops    queue[place, struct{}]
	leases   *leases
	away     atomic.Bool
	// trouble tells Run that there is work before the next lease is due.
	trouble chan struct{}
}

var _ ports.ConnectionQuota = (*Quota)(nil)

// NewQuota returns a quota that falls back to local, which counts the same
// sessions for this node alone and has the same limit. Run is owed to it.
func NewQuota(c *Client, cfg QuotaConfig, local ports.ConnectionQuota, o ports.Observer) *Quota {
	if cfg.Lease <= 0 {
		cfg.Lease = defaultLease
	}
	q := &Quota{
		rdb: c.rdb, local: local, observer: o, config: cfg, leases: newLeases(cfg.Node), trouble: make(chan struct{}, 1),
		places: newPlaces(c.rdb, cfg.PerUser, cfg.Lease),
	}
	q.takes = newQueue(2*quotaLimit, q.takeAll)
	q.drops = newQueue(2*quotaLimit, q.dropAll)
	return q
}

// Acquire takes a place for the session. One that this node alone has filled
// is refused without asking. A caller who leaves is waited for all the same, or
// its place could be taken after it was given back.
func (q *Quota) Acquire(_ context.Context, user domain.UserID, session string) error {
	if err := q.local.Acquire(context.Background(), user, session); err != nil {
		return err
	}
	if q.leases.has(user, session) {
		return nil
	}
	l := lease{session: session, since: time.Now()}
	if !q.away.Load() {
		granted, asked := q.takes.ask(context.Background(), place{user, q.leases.member(l)})
		switch {
		case !asked: // it is open whether the place is taken: the renewal will take it
		case !granted:
			q.local.Release(user, session)
			return domain.TooManyConnections(q.config.PerUser).At("redis.Acquire")
		default:
			l.renewed = l.since
		}
	}
	q.leases.put(user, l)
	return nil
}

// takeAll asks for places. It belongs to no handshake: one that leaves must not
// spoil the answers of the others.
func (q *Quota) takeAll(asked []place) (granted []bool, known bool) {
	known = q.whileThere(func(ctx context.Context) (err error) {
		granted, err = q.places.take(ctx, asked)
		return err
	})
	return granted, known
}

// Release gives the place back before it returns; while Redis is away, soon
// after it is back.
func (q *Quota) Release(user domain.UserID, session string) {
	if member, held := q.leases.remove(user, session); held {
		left := place{user, member}
		if _, gone := q.drops.ask(context.Background(), left); !gone {
			q.owe([]debt{{place: left, since: time.Now()}})
		}
	}
	q.local.Release(user, session)
}

func (q *Quota) dropAll(left []place) ([]struct{}, bool) {
	return make([]struct{}, len(left)), q.whileThere(func(ctx context.Context) error { return q.places.drop(ctx, left) })
}

// whileThere asks Redis something, unless it is away; false says that it is. No
// caller's context: who leaves has nobody to wait for it.
func (q *Quota) whileThere(ask func(context.Context) error) bool {
	if q.away.Load() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), quotaLimit)
	defer cancel()
	if ask(ctx) != nil {
		q.leave()
		return false
	}
	return true
}

// drop takes places out of Redis, or owes it while Redis is away.
func (q *Quota) drop(debts []debt) {
	if len(debts) == 0 {
		return
	}
	if _, gone := q.dropAll(placesOf(debts)); !gone {
		q.owe(debts)
	}
}

// owe leaves to Run what could not be given back.
func (q *Quota) owe(debts []debt) {
	q.leases.owe(debts)
	q.alert()
}

func (q *Quota) alert() {
	select {
	case q.trouble <- struct{}{}:
	default:
	}
}

// leave begins to decide without Redis. It may have lost what it held, so
// every lease is to be renewed when it is back.
func (q *Quota) leave() {
	if q.away.CompareAndSwap(false, true) {
		q.observer.Observe(domain.QuotaDegraded{Degraded: true})
		q.alert()
	}
}
