package redis

import (
	"context"
	"errors"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/adapters/redis/reply"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// A log of the default size with ordinary notifications fits into one page.
const (
	pageEntries = 256     // pageEntries is the maximum number of entries in one page of a log.
	pageBytes   = 1 << 20 // pageBytes is the size of frames, in bytes, at which a page of a log ends.
	// maxPreceding is the maximum number of ids up to the position that a page contains. A
	// subscription lags behind the log by fewer entries.
	maxPreceding = 64
	// maxPrecedingAge is the maximum age of a position with more than its own id. The probe
	// detects a subscription that lags further.
	maxPrecedingAge = 30 * time.Second
)

// readScript reads one page of a log.
//
// KEYS: the user's log. ARGV: the position, or an empty string to read by age; the age in ms,
// or the maximum age of a position whose preceding ids are read; the maximum number of entries;
// the number of bytes after which the page ends; the maximum number of preceding ids; the name
// of the field. Result: {1 if the position was found, oldest id, 1 if entries follow the page,
// {preceding ids}, {id, frame, id, frame, ...}}. The preceding ids begin with the position.
//
// The script reads the entries in small portions, so that its memory is bounded when only
// the first entries fit into the page.
const readScript = `
local log, after = KEYS[1], ARGV[1]
local found, preceding, from = 1, {}, after
local clock = redis.call('TIME')
local began = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000) - tonumber(ARGV[2])
if after == '' then
  from = string.format('%.0f', math.max(began, 0)) .. '-0'
elseif after ~= '0-0' then
  local most = (tonumber(string.match(after, '^%d+')) or 0) < began and 1 or ARGV[5]
  local back = redis.call('XREVRANGE', log, after, '-', 'COUNT', most)
  if back[1] and back[1][1] == after then
    for i, entry in ipairs(back) do preceding[i] = entry[1] end
  else
    found, from = 0, '-'
  end -- if the position was found
end
local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)
local oldest = first[1] and first[1][1] or ''
local page, count, bytes, last = {}, 0, 0, after
while true do
  local portion = redis.call('XRANGE', log, from, '+', 'COUNT', 33)
  for _, entry in ipairs(portion) do
    if entry[1] ~= last then
      if count >= tonumber(ARGV[3]) or bytes >= tonumber(ARGV[4]) then
        return {found, oldest, 1, preceding, page}
      end
      last = entry[1]
      for i = 1, #entry[2], 2 do
        if entry[2][i] == ARGV[6] then
          count, bytes = count + 1, bytes + #entry[2][i + 1]
          page[#page + 1], page[#page + 2] = last, entry[2][i + 1]
        end -- if it is the field
      end -- fields
    end -- if the entry is new
  end -- entries
  if #portion < 33 then
    return {found, oldest, 0, preceding, page}
  end
  from = last
end
`

// Log reads the notification logs that a Notifier writes.
type Log struct {
	rdb       goredis.UniversalClient
	script    *goredis.Script
	timeout   time.Duration
	positions *positionReader
}

var _ ports.NotificationLog = (*Log)(nil)

// NewLog returns a log on the client.
func NewLog(c *Client) *Log {
	return &Log{rdb: c.rdb, script: goredis.NewScript(readScript), timeout: c.timeout, positions: newPositionReader(c.rdb)}
}

// Since returns the user's entries after the position.
func (l *Log) Since(ctx context.Context, user domain.UserID, after domain.Position) (domain.Replay, error) {
	return l.read(ctx, "redis.Since", user, string(after), maxPrecedingAge)
}

// Recent returns the user's entries that are not older than age, by the clock of Redis.
func (l *Log) Recent(ctx context.Context, user domain.UserID, age time.Duration) (domain.Replay, error) {
	return l.read(ctx, "redis.Recent", user, "", age)
}

func (l *Log) read(ctx context.Context, op string, user domain.UserID, after string, age time.Duration) (domain.Replay, error) {
	result, err := l.script.Run(ctx, l.rdb, []string{logKey(user)},
		after, age.Milliseconds(), pageEntries, pageBytes, maxPreceding, frameField).Slice()
	if err != nil {
		return domain.Replay{}, l.retryableError(op, err)
	}
	replay, ok := reply.ParseReplay(result)
	if !ok {
		return domain.Replay{}, l.retryableError(op, reply.ErrUnexpectedResult)
	}
	return replay, nil
}

// retryableError converts an error. No error is final: reading a log can always be
// repeated.
func (l *Log) retryableError(op string, err error) error {
	e := redisError(op, err, l.timeout)
	if !domain.Retryable(e) || errors.Is(err, reply.ErrUnexpectedResult) {
		return domain.Unavailable("redis", retryAfter).WithCause(reply.Redacted(err)).WithOp(op)
	}
	return e
}
