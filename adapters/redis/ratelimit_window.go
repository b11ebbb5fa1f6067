package redis

import (
	"context"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/domain"
)

// probeKey is the window that detects the recovery of Redis. It is not the key of a party,
// which contains braces.
const probeKey = "gwlimit:probe"

// windowKey returns the key of a party's window. No class contains a brace or a colon, so
// two parties never share a key.
func windowKey(party string, class domain.LimitClass) string {
	var b strings.Builder
	b.Grow(len("gwlimit:{}:") + len(party) + len(class))
	b.WriteString("gwlimit:{")
	b.WriteString(party)
	b.WriteString("}:")
	b.WriteString(string(class))
	return b.String()
}

// countScript counts one request in the window of each key. It starts a window that
// does not exist or has no expiry, and shortens one that ends later than a window
// may: after a step of Redis's clock backwards, keys live longer by the step.
//
// KEYS: the windows. ARGV: their lengths in ms. It answers, per key, the count
// and the time left in ms.
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

// windowCounter counts requests in Redis.
type windowCounter struct {
	rdb     goredis.UniversalClient
	script  *goredis.Script
	cluster bool
}

func newWindowCounter(rdb goredis.UniversalClient) *windowCounter {
	return &windowCounter{rdb: rdb, script: goredis.NewScript(countScript), cluster: isCluster(rdb)}
}

// count counts all requests in one round trip: in one script, or on a cluster, whose scripts
// have access to one slot, in a pipeline with one script per key. After a lost connection a
// request can be counted twice, but it is always counted.
func (w *windowCounter) count(ctx context.Context, asked []windowRequest) ([]windowState, error) {
	now := time.Now()
	if w.cluster && len(asked) > 1 {
		return w.countEach(ctx, asked, now)
	}
	keys, lengths := make([]string, len(asked)), make([]any, len(asked))
	for i, q := range asked {
		keys[i], lengths[i] = q.key, q.length.Milliseconds()
	}
	numbers, err := w.script.Run(ctx, w.rdb, keys, lengths...).Int64Slice()
	if err != nil {
		return nil, err
	}
	return parseWindows(numbers, len(asked), now)
}

// countEach sends the script's text each time: a pipeline cannot first find out
// which nodes know it.
func (w *windowCounter) countEach(ctx context.Context, asked []windowRequest, now time.Time) ([]windowState, error) {
	pipe := w.rdb.Pipeline()
	commands := make([]*goredis.Cmd, len(asked))
	for i, q := range asked {
		commands[i] = w.script.Eval(ctx, pipe, []string{q.key}, q.length.Milliseconds())
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	numbers := make([]int64, 0, 2*len(asked))
	for _, c := range commands {
		pair, err := c.Int64Slice()
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, pair...)
	}
	return parseWindows(numbers, len(asked), now)
}

func parseWindows(numbers []int64, asked int, now time.Time) ([]windowState, error) {
	if len(numbers) != 2*asked {
		return nil, errUnexpectedResult
	}
	out := make([]windowState, asked)
	for i := range out {
		out[i] = windowState{count: numbers[2*i], ends: now.Add(time.Duration(numbers[2*i+1]) * time.Millisecond)}
	}
	return out, nil
}
