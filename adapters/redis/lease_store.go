package redis

import (
	"context"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/domain"
)

// clockLua begins a script that reads Redis's own clock, in ms.
const clockLua = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`

// shortenLua begins a script that judges leases, behind clock. After a step of
// Redis's clock backwards, leases end later than any lease may; they are shortened
// when they are seen, or those of a killed node would last as long as the step.
const shortenLua = `
local function shorten(key, lease)
  local latest = now + lease
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. latest, '+inf')) do
    redis.call('ZADD', key, latest, member)
  end -- leases
end -- shorten
`

// acquireLeaseScript takes each place that is free. A member that has a place keeps it,
// so a repeat does no harm.
//
// KEYS: the users' leases. ARGV: limit, lease in ms, then the member of each
// key. It answers per key 1, or 0 when all places are taken.
const acquireLeaseScript = clockLua + shortenLua + `
local limit, lease, out = tonumber(ARGV[1]), ARGV[2], {}
for i, key in ipairs(KEYS) do
  local member = ARGV[i + 2]
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  shorten(key, lease)
  if redis.call('ZCARD', key) >= limit and not redis.call('ZSCORE', key, member) then
    out[i] = 0
  else
    redis.call('ZADD', key, now + lease, member)
    redis.call('PEXPIRE', key, lease)
    out[i] = 1
  end -- a place is free
end -- places
return out
`

// releaseLeaseScript gives places back.
//
// KEYS: the users' leases. ARGV: the member of each key.
const releaseLeaseScript = `
for i, key in ipairs(KEYS) do
  redis.call('ZREM', key, ARGV[i])
end
return {}
`

// extendLeaseScript renews places, and takes those again that are lost.
//
// KEYS: the users' leases. ARGV: lease in ms, then the member of each key. It
// answers per key 1 when the place was lost, or 0.
const extendLeaseScript = clockLua + shortenLua + `
local lease, out = ARGV[1], {}
for i, key in ipairs(KEYS) do
  shorten(key, lease)
  out[i] = redis.call('ZADD', key, now + lease, ARGV[i + 1])
  redis.call('PEXPIRE', key, lease)
end
return out
`

// leaseKey is a member of a user's leases.
type leaseKey struct {
	user   domain.UserID
	member string
}

// leaseStore are all users' leases in Redis. What is asked together goes in one
// script, or on a cluster, whose scripts see one slot, in a pipeline of one
// script per user.
type leaseStore struct {
	rdb           goredis.UniversalClient
	cluster       bool
	limit         int
	lease         int64 // in ms
	acquireScript *goredis.Script
	extendScript  *goredis.Script
	releaseScript *goredis.Script
}

func newLeaseStore(rdb goredis.UniversalClient, limit int, lease time.Duration) *leaseStore {
	return &leaseStore{
		rdb: rdb, cluster: isCluster(rdb), limit: limit, lease: lease.Milliseconds(),
		acquireScript: goredis.NewScript(acquireLeaseScript), extendScript: goredis.NewScript(extendLeaseScript), releaseScript: goredis.NewScript(releaseLeaseScript),
	}
}

// acquire says of each place whether it is taken now.
func (p *leaseStore) acquire(ctx context.Context, asked []leaseKey) ([]bool, error) {
	numbers, err := p.runCounted(ctx, p.acquireScript, []any{p.limit, p.lease}, asked)
	if err != nil {
		return nil, err
	}
	granted := make([]bool, len(asked))
	for i, n := range numbers {
		granted[i] = n == 1
	}
	return granted, nil
}

// release gives the places back; one that is not there is no failure.
func (p *leaseStore) release(ctx context.Context, left []leaseKey) error {
	_, err := p.run(ctx, p.releaseScript, nil, left)
	return err
}

// extend says of each place 1 when it was lost and is taken anew, or else 0.
func (p *leaseStore) extend(ctx context.Context, held []leaseKey) ([]int64, error) {
	return p.runCounted(ctx, p.extendScript, []any{p.lease}, held)
}

// runCounted runs a script that answers with a number for each place.
func (p *leaseStore) runCounted(ctx context.Context, script *goredis.Script, terms []any, all []leaseKey) ([]int64, error) {
	numbers, err := p.run(ctx, script, terms, all)
	if err == nil && len(numbers) != len(all) {
		err = errUnexpectedResult
	}
	return numbers, err
}

// run returns what the script answers for all places, in their order. A break
// of the connection may run it twice.
func (p *leaseStore) run(ctx context.Context, script *goredis.Script, terms []any, all []leaseKey) ([]int64, error) {
	if p.cluster && len(all) > 1 {
		return p.runEach(ctx, script, terms, all)
	}
	keys, args := make([]string, len(all)), make([]any, len(terms), len(terms)+len(all))
	copy(args, terms)
	for i, one := range all {
		keys[i] = quotaKey(one.user)
		args = append(args, one.member)
	}
	return script.Run(ctx, p.rdb, keys, args...).Int64Slice()
}

// runEach sends the script's text each time: a pipeline cannot first find out
// which nodes know it.
func (p *leaseStore) runEach(ctx context.Context, script *goredis.Script, terms []any, all []leaseKey) ([]int64, error) {
	pipe := p.rdb.Pipeline()
	commands := make([]*goredis.Cmd, len(all))
	for i, one := range all {
		args := append(make([]any, 0, len(terms)+1), terms...)
		commands[i] = script.Eval(ctx, pipe, []string{quotaKey(one.user)}, append(args, one.member)...)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	var numbers []int64
	for _, c := range commands {
		some, err := c.Int64Slice()
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, some...)
	}
	return numbers, nil
}
