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
// KEYS: the users' logs. It returns per key the newest id, 0-0 for a log without entries,
// or an empty string for a key that is not a log.
const positionScript = `
local out = {}
for i, key in ipairs(KEYS) do
  local newest = redis.pcall('XREVRANGE', key, '+', '-', 'COUNT', 1)
  if newest.err then
    out[i] = ''
  else
    out[i] = newest[1] and newest[1][1] or '0-0'
  end -- of the answer
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
	rdb      goredis.UniversalClient
	script   *goredis.Script
	cluster  bool
	requests *batcher[domain.UserID, domain.Position]
	failedAt *atomic.Int64 // time of the last failed round trip, in ns since started
	started  time.Time
}

func newPositionReader(rdb goredis.UniversalClient) positionReader {
	l := positionReader{
		rdb: rdb, script: goredis.NewScript(positionScript), cluster: isCluster(rdb),
		failedAt: &atomic.Int64{}, started: time.Now(),
	}
	l.failedAt.Store(-int64(positionBackoff))
	q := newBatcher(2*positionTimeout, l.readBatch)
	l.requests = &q
	return l
}

// Last returns the position of the newest entry. It batches concurrent calls. It fails at
// once during the second after a failed round trip.
func (l *Log) Last(ctx context.Context, user domain.UserID) (domain.Position, error) {
	if err := ctx.Err(); err != nil {
		return "", l.retryableError("redis.Last", err)
	}
	if time.Since(l.positions.started)-time.Duration(l.positions.failedAt.Load()) < positionBackoff {
		return "", domain.Unreachable("redis", errNoPosition).WithOp("redis.Last")
	}
	at, known := l.positions.requests.do(ctx, user)
	switch {
	case !known:
		return "", domain.Unreachable("redis", errNoPosition).WithOp("redis.Last")
	case at == "":
		return "", domain.Unavailable("redis", retryAfter).WithCause(errNoLog).WithOp("redis.Last")
	default:
		return at, nil
	}
}

// readBatch reads the positions of all users' logs. It uses no caller's context.
func (l *positionReader) readBatch(users []domain.UserID) (positions []domain.Position, known bool) {
	ctx, cancel := context.WithTimeout(context.Background(), positionTimeout)
	defer cancel()
	ids, err := l.run(ctx, users)
	if err != nil || len(ids) != len(users) {
		l.failedAt.Store(int64(time.Since(l.started)))
		return nil, false
	}
	positions = make([]domain.Position, len(ids))
	for i, id := range ids {
		positions[i] = domain.Position(id)
	}
	return positions, true
}

// run uses one script, or on a cluster, whose scripts have access to one slot, a pipeline
// with one script per user.
func (l *positionReader) run(ctx context.Context, users []domain.UserID) ([]string, error) {
	if !l.cluster || len(users) == 1 {
		keys := make([]string, len(users))
		for i, user := range users {
			keys[i] = logKey(user)
		}
		return l.script.Run(ctx, l.rdb, keys).StringSlice()
	}
	pipe := l.rdb.Pipeline()
	commands := make([]*goredis.Cmd, len(users))
	for i, user := range users {
		commands[i] = l.script.Eval(ctx, pipe, []string{logKey(user)})
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(users))
	for _, c := range commands {
		some, err := c.StringSlice()
		if err != nil {
			return nil, err
		}
		ids = append(ids, some...)
	}
	return ids, nil
}
