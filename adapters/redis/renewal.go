package redis

import (
	"context"
	"slices"
	"time"

	"github.com/huleedu/edge/domain"
)

// maxRenewed bounds what is renewed at once: so many take Redis about 2 ms.
const maxRenewed = 512

// Run renews this node's leases until ctx is done. What is held then is left
// to end by itself, unless it is released.
func (q *Quota) Run(ctx context.Context) error {
	due := time.Now().Add(q.interval())
	for {
		timer := time.NewTimer(time.Until(due))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
			due = time.Now().Add(q.tend(ctx))
		case <-q.trouble: // however much of it: what was due comes no later
			timer.Stop()
			due = earlier(due, time.Now().Add(q.tick()))
		}
	}
}

// interval is how long a lease is left alone.
func (q *Quota) interval() time.Duration { return q.config.Lease / renewals }

// tick is the time between two attempts.
func (q *Quota) tick() time.Duration { return q.config.Lease / ticks }

// tend renews what is due, and says when there is something to do again. While
// Redis is away it looks whether it is back; then everything is due, and paid,
// before Redis is asked again.
func (q *Quota) tend(ctx context.Context) (rest time.Duration) {
	away := q.away.Load()
	if away {
		if q.ping(ctx) != nil {
			return q.tick()
		}
		q.leases.expire(time.Now())
	}
	debts := q.leases.debts(time.Now().Add(-q.config.Lease))
	if err := q.settle(ctx, debts); err != nil {
		q.leases.owe(debts)
		return q.fail(ctx)
	}
	rest, err := q.renew(ctx)
	if err != nil {
		return q.fail(ctx)
	}
	if away && q.away.CompareAndSwap(true, false) {
		q.observer.Observe(domain.QuotaDegraded{Degraded: false})
	}
	return rest
}

// fail takes note of a Redis that does not answer, unless it was not let.
func (q *Quota) fail(ctx context.Context) (rest time.Duration) {
	if ctx.Err() == nil {
		q.leave()
	}
	return q.tick()
}

func (q *Quota) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, quotaLimit)
	defer cancel()
	return q.rdb.Ping(ctx).Err()
}

func (q *Quota) settle(ctx context.Context, debts []debt) error {
	for some := range slices.Chunk(debts, maxRenewed) {
		limited, cancel := context.WithTimeout(ctx, quotaLimit)
		err := q.places.drop(limited, placesOf(some))
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// renew extends what is due by the next tick, many at once, and says how long
// nothing else is. A lease that Redis held and does not know tells that it has
// lost its data: then all others are due as well.
func (q *Quota) renew(ctx context.Context) (rest time.Duration, err error) {
	began, lost := time.Now(), int64(0)
	all, oldest := q.leases.due(began.Add(q.tick() - q.interval()))
	for due := range slices.Chunk(all, maxRenewed) {
		missing, err := q.renewSome(ctx, due)
		// A place that was given back meanwhile may have been taken again.
		q.drop(q.leases.renewed(due, began, err == nil))
		if err != nil {
			return 0, err
		}
		lost += missing
	}
	if lost > 0 {
		q.leases.expire(began)
		return q.tick(), nil
	}
	return max(q.tick(), q.interval()-began.Sub(oldest)), nil
}

// renewSome returns how many leases Redis had lost that it was told of.
func (q *Quota) renewSome(ctx context.Context, due []renewal) (lost int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, quotaLimit)
	defer cancel()
	all := make([]place, len(due))
	for i, r := range due {
		all[i] = r.place
	}
	added, err := q.places.extend(ctx, all)
	if err != nil {
		return 0, err
	}
	for i, r := range due {
		if r.known {
			lost += added[i]
		}
	}
	return lost, nil
}
