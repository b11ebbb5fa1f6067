package redis

import (
	"context"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/domain"
)

// clockLua sets now to the clock of Redis, in ms.
const clockLua = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`

// shortenLua defines a function that shortens leases; it needs clockLua. After a step of
// Redis's clock backwards, leases end later than a new lease would. Scripts shorten them
// when they read the key, because those of a killed node would last as long as the step.
const shortenLua = `
local function shorten(key, lease)
  local latest = now + lease
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. latest, '+inf')) do
    redis.call('ZADD', key, latest, member)
  end -- leases
end -- shorten
`

// acquireLeaseScript adds a lease per key unless the limit is reached. It is idempotent: a
// member that has a lease keeps it.
//
// KEYS: the users' leases. ARGV: limit, lease in ms, then the member of each key. It
// returns 1 per key, or 0 if the limit is reached.
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

// releaseLeaseScript removes leases.
//
// KEYS: the users' leases. ARGV: the member of each key.
const releaseLeaseScript = `
for i, key in ipairs(KEYS) do
  redis.call('ZREM', key, ARGV[i])
end
return {}
`

// extendLeaseScript renews leases, and adds those that do not exist.
//
// KEYS: the users' leases. ARGV: lease in ms, then the member of each key. It returns 1
// per key if the lease did not exist, or 0.
const extendLeaseScript = clockLua + shortenLua + `
local lease, out = ARGV[1], {}
for i, key in ipairs(KEYS) do
  shorten(key, lease)
  out[i] = redis.call('ZADD', key, now + lease, ARGV[i + 1])
  redis.call('PEXPIRE', key, lease)
end
return out
`

// leaseKey identifies a lease: a member of the user's sorted set.
type leaseKey struct {
	user   domain.UserID
	member string
}

// leaseStore is the leases of all users in Redis. A batch is one script, or on a cluster,
// whose scripts have access to one slot, a pipeline with one script per user.
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

// acquire returns for each lease whether it was granted.
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

// release removes the leases. It ignores a lease that does not exist.
func (p *leaseStore) release(ctx context.Context, left []leaseKey) error {
	_, err := p.run(ctx, p.releaseScript, nil, left)
	return err
}

// extend returns 1 for each lease that did not exist and was added, else 0.
func (p *leaseStore) extend(ctx context.Context, held []leaseKey) ([]int64, error) {
	return p.runCounted(ctx, p.extendScript, []any{p.lease}, held)
}

// runCounted runs a script that returns a number for each lease.
func (p *leaseStore) runCounted(ctx context.Context, script *goredis.Script, terms []any, all []leaseKey) ([]int64, error) {
	numbers, err := p.run(ctx, script, terms, all)
	if err == nil && len(numbers) != len(all) {
		err = errUnexpectedResult
	}
	return numbers, err
}

// run returns the results of the script in the order of the leases. The script can run
// twice after a lost connection.
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
