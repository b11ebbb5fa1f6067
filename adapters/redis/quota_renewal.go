package redis

import (
	"context"
	"slices"
	"time"

	"github.com/huleedu/edge/domain"
)

// maxRenewBatch is the maximum number of leases per round trip of Run. Redis takes about 2 ms
// for it.
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
		case <-q.wake: // never delays the next maintenance
			timer.Stop()
			if soon := time.Now().Add(q.retryInterval()); soon.Before(due) {
				due = soon
			}
		}
	}
}

// renewInterval is the time between two renewals of all leases.
func (q *Quota) renewInterval() time.Duration { return q.config.Lease / renewalsPerLease }

// retryInterval is the time between two attempts.
func (q *Quota) retryInterval() time.Duration { return q.config.Lease / retriesPerLease }

// maintain renews all leases, releases those of ended sessions, and returns the time until the
// next call. While Redis is unavailable it pings Redis first. Handshakes use Redis again when
// everything has succeeded.
func (q *Quota) maintain(ctx context.Context) (next time.Duration) {
	unavailable := q.unavailable.Load()
	if unavailable && q.ping(ctx) != nil {
		return q.retryInterval()
	}
	lost, err := q.renewAll(ctx)
	if err == nil {
		err = q.releaseDeferred(ctx)
	}
	if err != nil {
		if ctx.Err() == nil {
			q.markUnavailable()
		}
		return q.retryInterval()
	}
	if unavailable && q.unavailable.CompareAndSwap(true, false) {
		q.observer.Observe(domain.QuotaDegraded{Degraded: false})
	}
	if lost {
		return q.retryInterval()
	}
	return q.renewInterval()
}

func (q *Quota) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, quotaTimeout)
	defer cancel()
	return q.rdb.Ping(ctx).Err()
}

// renewAll renews all leases, in batches. lost is set if Redis has lost a lease that it had
// confirmed. Redis can have lost all its data after a batch was renewed, so the caller must
// then soon renew again.
func (q *Quota) renewAll(ctx context.Context) (lost bool, err error) {
	for batch := range slices.Chunk(q.held.all(), maxRenewBatch) {
		added, err := q.run(ctx, q.renew, batch, q.config.Lease.Milliseconds())
		// A lease that was released meanwhile may have been added again.
		q.held.deferEnded(batch)
		if err != nil {
			return lost, err
		}
		for i, l := range batch {
			lost = lost || l.confirmed && added[i] == 1
			l.confirmed = true
		}
	}
	return lost, nil
}

// releaseDeferred releases the leases of ended sessions that Redis may still have. After an
// error they remain to be released.
func (q *Quota) releaseDeferred(ctx context.Context) error {
	released := q.held.takeReleased()
	for start := 0; start < len(released); start += maxRenewBatch {
		batch := released[start:min(start+maxRenewBatch, len(released))]
		if _, err := q.run(ctx, q.release, batch); err != nil {
			q.held.deferRelease(released[start:]...)
			return err
		}
	}
	return nil
}
