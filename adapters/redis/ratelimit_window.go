package redis

import (
	"context"
	"time"

	"github.com/huleedu/edge/domain"
)

// probeKey is the window that detects the recovery of Redis. It is not the key of a party,
// which contains braces.
const probeKey = "gwlimit:probe"

// windowKey returns the key of a party's window. No class contains a brace or a colon, so
// two parties never share a key.
func windowKey(party string, class domain.LimitClass) string {
	return "gwlimit:{" + party + "}:" + string(class)
}

// countScript counts one request in the window of each key. It starts a window that does not
// exist or has no expiry, and shortens one that ends later than a new window would: after a
// step of Redis's clock backwards, keys live longer by the step.
//
// KEYS: the windows. ARGV: the length of each window in ms. Result: for each key the count and
// the remaining time in ms.
const countScript = `
local out = {}
for i, key in ipairs(KEYS) do
  local count = redis.call('INCR', key)
  local left = -1
  if count > 1 then left = redis.call('PTTL', key) end
  if left < 0 or left > tonumber(ARGV[i]) then
    redis.call('PEXPIRE', key, ARGV[i])
    left = tonumber(ARGV[i])
  end
  out[2 * i - 1] = count
  out[2 * i] = left
end
return out
`

// windowRequest is a request to count in the window of the key.
type windowRequest struct {
	key    string
	length time.Duration
}

// windowState is a window after the request was counted. ends is too early by up to the
// duration of the round trip, never too late.
type windowState struct {
	count int64
	ends  time.Time
}

// countWindows counts all requests in one round trip. After a lost connection a request can be
// counted twice, but it is always counted.
func (l *RateLimiter) countWindows(ctx context.Context, requests []windowRequest) ([]windowState, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	now := time.Now()
	keys, lengths := make([]string, len(requests)), make([]any, len(requests))
	for i, r := range requests {
		keys[i], lengths[i] = r.key, r.length.Milliseconds()
	}
	numbers, err := l.counter.run(ctx, keys, nil, lengths)
	if err != nil {
		return nil, err
	}
	windows := make([]windowState, len(requests))
	for i := range windows {
		windows[i] = windowState{count: numbers[2*i], ends: now.Add(time.Duration(numbers[2*i+1]) * time.Millisecond)}
	}
	return windows, nil
}
