package redis

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/domain"
)

const (
	// positionTimeout is the timeout of one round trip.
	positionTimeout = time.Second
	// positionBackoff is how long Last fails at once after a failed round trip, so that
	// handshakes do not wait one after the other for a Redis that hangs.
	positionBackoff = time.Second
)

// positionScript reads the positions of logs.
//
// KEYS: the users' logs. Result: for each key the newest id, 0-0 for a log without entries,
// or an empty string for a key that is not a log.
const positionScript = `
local out = {}
for i, key in ipairs(KEYS) do
  local newest = redis.pcall('XREVRANGE', key, '+', '-', 'COUNT', 1)
  if newest.err then
    out[i] = ''
  else
    out[i] = newest[1] and newest[1][1] or '0-0'
  end -- if the key is a log
end -- logs
return out
`

var (
	errNoPosition = errors.New("the position of the log is not known")
	errNoLog      = errors.New("the key does not hold a log")
)

// positionReader reads the positions of many logs in few round trips. Every handshake needs
// a position.
type positionReader struct {
	script   batchScript[string]
	requests batcher[domain.UserID, string]
	// failedAt is the time of the last failed round trip; nil if none has failed.
	failedAt atomic.Pointer[time.Time]
}

func newPositionReader(rdb goredis.UniversalClient) *positionReader {
	r := &positionReader{script: batchScript[string]{
		rdb: rdb, script: goredis.NewScript(positionScript), parse: (*goredis.Cmd).StringSlice, perKey: 1,
	}}
	r.requests = newBatcher(2*positionTimeout, r.readBatch)
	return r
}

// Last returns the position of the newest entry. It batches concurrent calls. It fails at
// once during the second after a failed round trip.
func (l *Log) Last(ctx context.Context, user domain.UserID) (domain.Position, error) {
	if err := ctx.Err(); err != nil {
		return "", l.retryableError("redis.Last", err)
	}
	position, known := "", false
	if at := l.positions.failedAt.Load(); at == nil || time.Since(*at) >= positionBackoff {
		position, known = l.positions.requests.do(ctx, user)
	}
	switch {
	case !known:
		return "", domain.Unreachable("redis", errNoPosition).WithOp("redis.Last")
	case position == "":
		return "", domain.Unavailable("redis", retryAfter).WithCause(errNoLog).WithOp("redis.Last")
	default:
		return domain.Position(position), nil
	}
}

// readBatch reads the positions of all users' logs. It uses no caller's context.
func (r *positionReader) readBatch(users []domain.UserID) (positions []string, known bool) {
	ctx, cancel := context.WithTimeout(context.Background(), positionTimeout)
	defer cancel()
	keys := make([]string, len(users))
	for i, user := range users {
		keys[i] = logKey(user)
	}
	positions, err := r.script.run(ctx, keys, nil, nil)
	if err != nil {
		now := time.Now()
		r.failedAt.Store(&now)
	}
	return positions, err == nil
}
