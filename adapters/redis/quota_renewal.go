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

// Run renews this node's leases until ctx is done. It then releases those of ended sessions
// that Redis may still have; leases that are held expire, unless they are released.
func (q *Quota) Run(ctx context.Context) error {
	next := time.Now().Add(q.config.Lease / renewalsPerLease)
	ticker := time.NewTicker(q.config.Lease / retriesPerLease)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			q.releaseAtEnd(context.WithoutCancel(ctx))
			return nil
		case now := <-ticker.C:
			due := !now.Before(next) || q.unavailable.Load() || q.held.mustRelease()
			if due && q.maintain(ctx) {
				next = now.Add(q.config.Lease / renewalsPerLease)
			}
		}
	}
}

// releaseAtEnd tries once to release the leases of ended sessions. Without Redis they expire.
func (q *Quota) releaseAtEnd(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, quotaTimeout)
	defer cancel()
	_ = q.releaseDeferred(ctx)
}

// maintain renews all leases and releases those of ended sessions. It returns false if it must
// soon be called again: after an error, or if Redis had lost leases. While Redis is unavailable
// it pings Redis first. Handshakes use Redis again when everything has succeeded.
func (q *Quota) maintain(ctx context.Context) bool {
	unavailable := q.unavailable.Load()
	if unavailable && q.ping(ctx) != nil {
		return false
	}
	lost, err := q.renewAll(ctx)
	if err == nil {
		err = q.releaseDeferred(ctx)
	}
	if err != nil {
		if ctx.Err() == nil {
			q.markUnavailable()
		}
		return false
	}
	if unavailable && q.unavailable.CompareAndSwap(true, false) {
		q.observer.Observe(domain.QuotaDegraded{Degraded: false})
	}
	return !lost
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
