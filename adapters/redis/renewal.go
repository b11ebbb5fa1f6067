package redis

import (
	"context"
	"errors"
	"slices"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/domain"
)

// clock begins a script that reads Redis's own clock, in ms.
const clock = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`

// extendScript renews a node's leases of one user, and takes them again where
// they are lost.
//
// KEYS: the user's leases. ARGV: lease in ms, members. It answers how many were
// lost.
const extendScript = clock + `
local lost = 0
for i = 2, #ARGV do
  lost = lost + redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return lost
`

// maxRenewed bounds the users of one pipeline: so many take Redis about 2 ms.
const maxRenewed = 256

// Run renews this node's leases until ctx is done. What is held then is left
// to end by itself, unless it is released.
func (q *Quota) Run(ctx context.Context) error {
	ticker := time.NewTicker(q.config.Lease / ticks)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			q.tend(ctx)
		}
	}
}

// tend renews what is due. While Redis is away it looks whether it is back;
// then everything is due, and paid, before Redis is asked again.
func (q *Quota) tend(ctx context.Context) {
	away := q.away.Load()
	if away {
		if q.ping(ctx) != nil {
			return
		}
		q.leases.expire(time.Now())
	}
	debts := q.leases.debts(time.Now().Add(-q.config.Lease))
	if err := q.settle(ctx, debts); err != nil {
		q.leases.owe(debts)
		q.fail(ctx)
		return
	}
	if q.renew(ctx) != nil {
		q.fail(ctx)
		return
	}
	if away && q.away.CompareAndSwap(true, false) {
		q.observer.Observe(domain.QuotaDegraded{Degraded: false})
	}
}

// fail takes note of a Redis that does not answer, unless it was not let.
func (q *Quota) fail(ctx context.Context) {
	if ctx.Err() == nil {
		q.leave()
	}
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

// renew extends what is due, in pipelines. A lease that Redis held and does not
// know tells that it has lost its data: then all others are due as well.
func (q *Quota) renew(ctx context.Context) error {
	began, lost := time.Now(), int64(0)
	for due := range slices.Chunk(q.leases.due(began.Add(-q.config.Lease/renewals)), maxRenewed) {
		missing, err := q.renewSome(ctx, due)
		// A place that was given back meanwhile may have been taken again.
		q.drop(q.leases.renewed(due, began, err == nil))
		if err != nil {
			return err
		}
		lost += missing
	}
	if lost > 0 {
		q.leases.expire(began)
	}
	return nil
}

func (q *Quota) renewSome(ctx context.Context, due []renewal) (lost int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, quotaLimit)
	defer cancel()
	lost, err = q.pipeline(ctx, q.extend.EvalSha, due)
	if goredis.HasErrorPrefix(err, "NOSCRIPT") {
		return q.pipeline(ctx, q.extend.Eval, due)
	}
	return lost, err
}

func (q *Quota) pipeline(ctx context.Context, call caller, due []renewal) (lost int64, err error) {
	answers := make([]*goredis.Cmd, len(due))
	_, err = q.rdb.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for i, r := range due {
			args := make([]any, 0, 1+len(r.members))
			args = append(args, q.config.Lease.Milliseconds())
			for _, member := range r.members {
				args = append(args, member)
			}
			answers[i] = call(ctx, p, []string{quotaKey(r.user)}, args...)
		}
		return nil
	})
	for i, a := range answers {
		n, failed := a.Int64()
		err = errors.Join(err, failed)
		if due[i].known {
			lost += n
		}
	}
	return lost, err
}
