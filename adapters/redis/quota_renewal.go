package redis

import (
	"context"
	"slices"
	"time"

	"github.com/huleedu/edge/domain"
)

// maxRenewBatch is the maximum number of leases per renewal. Redis takes about 2 ms for it.
const maxRenewBatch = 512

// Run renews this node's leases until ctx is done. Leases that are held then expire, unless
// they are released.
func (q *Quota) Run(ctx context.Context) error {
	due := time.Now().Add(q.renewInterval())
	for {
		timer := time.NewTimer(time.Until(due))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
			due = time.Now().Add(q.maintain(ctx))
		case <-q.wake: // the next maintenance is never later than planned
			timer.Stop()
			due = earlier(due, time.Now().Add(q.retryInterval()))
		}
	}
}

// renewInterval is the time between two renewals of a lease.
func (q *Quota) renewInterval() time.Duration { return q.config.Lease / renewalsPerLease }

// retryInterval is the time between two attempts.
func (q *Quota) retryInterval() time.Duration { return q.config.Lease / retriesPerLease }

// maintain renews the leases that are due and returns the time until the next call. While
// Redis is unavailable it pings Redis. When Redis answers, it sends all releases and renews
// all leases before handshakes use Redis again.
func (q *Quota) maintain(ctx context.Context) (rest time.Duration) {
	away := q.unavailable.Load()
	if away {
		if q.ping(ctx) != nil {
			return q.retryInterval()
		}
		q.held.markDue(time.Now())
	}
	debts := q.held.takePendingReleases(time.Now().Add(-q.config.Lease))
	if err := q.releasePending(ctx, debts); err != nil {
		q.held.addPendingReleases(debts)
		return q.renewFailed(ctx)
	}
	rest, err := q.renew(ctx)
	if err != nil {
		return q.renewFailed(ctx)
	}
	if away && q.unavailable.CompareAndSwap(true, false) {
		q.observer.Observe(domain.QuotaDegraded{Degraded: false})
	}
	return rest
}

// renewFailed marks Redis as unavailable, unless ctx is done.
func (q *Quota) renewFailed(ctx context.Context) (rest time.Duration) {
	if ctx.Err() == nil {
		q.markUnavailable()
	}
	return q.retryInterval()
}

func (q *Quota) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, quotaTimeout)
	defer cancel()
	return q.rdb.Ping(ctx).Err()
}

func (q *Quota) releasePending(ctx context.Context, debts []pendingRelease) error {
	for some := range slices.Chunk(debts, maxRenewBatch) {
		limited, cancel := context.WithTimeout(ctx, quotaTimeout)
		err := q.store.release(limited, leaseKeysOf(some))
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// renew renews the leases that are due before the next attempt, in batches, and returns the
// time until the next lease is due. If Redis has lost a lease that it had confirmed, it has
// lost its data: then all leases are due.
func (q *Quota) renew(ctx context.Context) (rest time.Duration, err error) {
	began, lost := time.Now(), int64(0)
	all, oldest := q.held.due(began.Add(q.retryInterval() - q.renewInterval()))
	for due := range slices.Chunk(all, maxRenewBatch) {
		missing, err := q.renewBatch(ctx, due)
		// A lease that was released meanwhile may have been added again.
		q.releaseAll(q.held.recordRenewal(due, began, err == nil))
		if err != nil {
			return 0, err
		}
		lost += missing
	}
	if lost > 0 {
		q.held.markDue(began)
		return q.retryInterval(), nil
	}
	return max(q.retryInterval(), q.renewInterval()-began.Sub(oldest)), nil
}

// renewBatch renews leases and returns how many of them Redis had lost.
func (q *Quota) renewBatch(ctx context.Context, due []renewal) (lost int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, quotaTimeout)
	defer cancel()
	all := make([]leaseKey, len(due))
	for i, r := range due {
		all[i] = r.leaseKey
	}
	added, err := q.store.extend(ctx, all)
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
