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
	// lastLimit bounds the wait for one answer about logs' positions.
	lastLimit = time.Second
	// lastPause is how long nothing is asked after a question without an answer,
	// so that handshakes do not wait one after the other for a Redis that hangs.
	lastPause = time.Second
)

// lastScript reads the positions of logs.
//
// KEYS: the users' logs. It answers per key the newest id, 0-0 for a log without
// entries, or nothing for a key that is not a log.
const lastScript = `
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

// lasts asks for the positions of many logs in few round trips: every handshake
// needs one.
type lasts struct {
	rdb    goredis.UniversalClient
	script *goredis.Script
	spread bool
	queue  *queue[domain.UserID, domain.Position]
	failed *atomic.Int64 // when a question had no answer, in ns since began
	began  time.Time
}

func newLasts(rdb goredis.UniversalClient) lasts {
	l := lasts{
		rdb: rdb, script: goredis.NewScript(lastScript), spread: isCluster(rdb),
		failed: &atomic.Int64{}, began: time.Now(),
	}
	l.failed.Store(-int64(lastPause))
	q := newQueue(2*lastLimit, l.ask)
	l.queue = &q
	return l
}

// Last returns the position of the newest entry. Positions that are asked for
// while an answer is awaited are asked for together. For a second after a question
// without an answer it fails at once.
func (l *Log) Last(ctx context.Context, user domain.UserID) (domain.Position, error) {
	if err := ctx.Err(); err != nil {
		return "", l.failed("redis.Last", err)
	}
	if time.Since(l.lasts.began)-time.Duration(l.lasts.failed.Load()) < lastPause {
		return "", domain.Unreachable("redis", errNoPosition).At("redis.Last")
	}
	at, known := l.lasts.queue.ask(ctx, user)
	switch {
	case !known:
		return "", domain.Unreachable("redis", errNoPosition).At("redis.Last")
	case at == "":
		return "", domain.Unavailable("redis", retryAfter).Because(errNoLog).At("redis.Last")
	default:
		return at, nil
	}
}

// ask asks for the positions of all users' logs. It belongs to no caller.
func (l *lasts) ask(users []domain.UserID) (positions []domain.Position, known bool) {
	ctx, cancel := context.WithTimeout(context.Background(), lastLimit)
	defer cancel()
	ids, err := l.run(ctx, users)
	if err != nil || len(ids) != len(users) {
		l.failed.Store(int64(time.Since(l.began)))
		return nil, false
	}
	positions = make([]domain.Position, len(ids))
	for i, id := range ids {
		positions[i] = domain.Position(id)
	}
	return positions, true
}

// run asks in one script, or on a cluster, whose scripts see one slot, in a
// pipeline of one script per user.
func (l *lasts) run(ctx context.Context, users []domain.UserID) ([]string, error) {
	if !l.spread || len(users) == 1 {
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
