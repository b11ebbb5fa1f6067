package redis

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

// acquireLeaseScript adds a lease to each key unless the limit is reached. It is idempotent: a
// member that has a lease keeps it.
//
// KEYS: the users' leases. ARGV: the limit, the lifetime of a lease in ms, then the member for
// each key. Result: for each key 1, or 0 if the limit is reached.
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
  end -- if the limit is reached
end -- keys
return out
`

// releaseLeaseScript removes leases.
//
// KEYS: the users' leases. ARGV: the member for each key. Result: for each key 1, or 0 if the
// lease did not exist.
const releaseLeaseScript = `
local out = {}
for i, key in ipairs(KEYS) do
  out[i] = redis.call('ZREM', key, ARGV[i])
end
return out
`

// renewLeaseScript renews leases, and adds those that do not exist.
//
// KEYS: the users' leases. ARGV: the lifetime of a lease in ms, then the member for each key.
// Result: for each key 1 if the lease did not exist, or 0.
const renewLeaseScript = clockLua + shortenLua + `
local lease, out = ARGV[1], {}
for i, key in ipairs(KEYS) do
  shorten(key, lease)
  out[i] = redis.call('ZADD', key, now + lease, ARGV[i + 1])
  redis.call('PEXPIRE', key, lease)
end
return out
`

// listLeasesScript reads the leases of one user that have not expired.
//
// KEYS: the user's leases. Result: their members.
const listLeasesScript = clockLua + `
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')
`
