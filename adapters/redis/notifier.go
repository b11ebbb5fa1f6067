package redis

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/adapters/redis/reply"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// NotifierConfig is the size, lifetime and replication of the notification logs.
type NotifierConfig struct {
	// Max is the maximum number of notifications in a user's log; the oldest are deleted
	// first.
	Max int `env:"NOTIFICATION_LOG_MAX" envDefault:"256"`
	// TTL is the time to live of a user's log after its newest notification, and of the mark
	// of an event.
	TTL time.Duration `env:"NOTIFICATION_LOG_TTL" envDefault:"24h"`
	// MinReplicas is the number of replicas that must confirm a notification; 1 is
	// recommended with sentinels or a cluster.
	MinReplicas int `env:"NOTIFICATION_LOG_MIN_REPLICAS" envDefault:"0"`
}

// Problems returns an error for every invalid setting.
func (c NotifierConfig) Problems(domain.Environment) []error {
	var problems []error
	if c.Max <= 0 {
		problems = append(problems, domain.Misconfigured("NOTIFICATION_LOG_MAX", "must be positive"))
	}
	if c.TTL < time.Millisecond {
		problems = append(problems, domain.Misconfigured("NOTIFICATION_LOG_TTL", "must be positive"))
	}
	if c.MinReplicas < 0 {
		problems = append(problems, domain.Misconfigured("NOTIFICATION_LOG_MIN_REPLICAS", "must not be negative"))
	}
	return problems
}

// frameField is the field of a log entry with the frame, without the id of the entry.
const frameField = "frame"

// publishScript stores, marks and publishes a notification once.
//
// KEYS: the user's log, the event's mark. ARGV: the frame, the channel, the maximum number of
// entries of the log, the time to live in ms, the name of the field, the trace or an empty
// string. Result: {id, "1"} for an event that was seen before, else {id, "0"}.
//
// Commands that can fail come before changes, except PUBLISH, which needs the id: if it
// fails, the entry is deleted. The published message is the frame with "id" as its last
// member.
const publishScript = `
local seen = redis.call('GET', KEYS[2])
if seen then
  return {seen, '1'}
end
local entry = {ARGV[5], ARGV[1]}
if ARGV[6] ~= '' then
  entry[3], entry[4] = 'trace', ARGV[6]
end
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '=', ARGV[3], '*', unpack(entry))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local published = redis.pcall('PUBLISH', ARGV[2], string.sub(ARGV[1], 1, -2) .. ',"id":"' .. id .. '"}')
if type(published) == 'table' and published['err'] then
  redis.call('XDEL', KEYS[1], id)
  return redis.error_reply(published['err'])
end
redis.call('SET', KEYS[2], id, 'PX', ARGV[4])
return {id, '0'}
`

// Notifier stores a notification in its user's log and publishes it on the user's channel,
// atomically in one script and once per event id, so that it is safe to repeat.
type Notifier struct {
	rdb     goredis.UniversalClient
	prefix  ChannelPrefix
	script  *goredis.Script
	timeout time.Duration
	// The settings as arguments of the script.
	maxEntries, ttl string
	replicas        int
}

var _ ports.NotificationPublisher = (*Notifier)(nil)

var (
	errFewReplicas  = errors.New("too few replicas confirmed in time")
	errInvalidFrame = errors.New("the frame is not a JSON object with a member")
)

// NewNotifier returns a notifier that publishes on channels with the prefix.
func NewNotifier(c *Client, cfg NotifierConfig, prefix ChannelPrefix) *Notifier {
	return &Notifier{
		rdb: c.rdb, prefix: prefix, script: goredis.NewScript(publishScript), timeout: c.timeout,
		maxEntries: strconv.Itoa(cfg.Max), ttl: strconv.FormatInt(cfg.TTL.Milliseconds(), 10),
		replicas: cfg.MinReplicas,
	}
}

// Publish stores and publishes the notification. After a temporary error it is unknown
// whether that happened; a repetition is safe.
func (n *Notifier) Publish(ctx context.Context, notification domain.Notification) (domain.PublishResult, error) {
	const op = "redis.Publish"
	if f := notification.Frame; len(f) < len(`{"":0}`) || f[0] != '{' || f[len(f)-1] != '}' {
		return domain.PublishResult{}, permanentError(errInvalidFrame).WithOp(op)
	}
	keys := []string{logKey(notification.User), seenKey(notification.User, notification.EventID)}
	args := []any{notification.Frame, n.prefix.channel(notification.User), n.maxEntries, n.ttl, frameField, encodeTrace(ctx)}
	return n.store(ctx, op, keys, args)
}

const (
	controlFrame = `{"event":"control","data":{}}` // controlFrame is the frame that Control stores.
	// controlTTL is the time to live of what Control stores: longer than the check, and short, to
	// save memory.
	controlTTL = 10 * time.Second
)

// Control runs the script of Publish for a test user, on keys in the slot of the given user,
// so that a failure of that cluster node fails the control too. Its event id is new each
// time, because the script does nothing for a known event.
func (n *Notifier) Control(ctx context.Context, user domain.UserID) error {
	const op = "redis.Control"
	keys := []string{controlLogKey(user), controlSeenKey(user, uuid.NewString())}
	args := []any{
		controlFrame, n.prefix.channel(controlUser), "1",
		strconv.FormatInt(controlTTL.Milliseconds(), 10), frameField, "",
	}
	result, err := n.store(ctx, op, keys, args)
	if err == nil && result.Duplicate {
		return replyError(op, reply.ErrUnexpectedResult)
	}
	return err
}

// store runs the script and parses its result.
func (n *Notifier) store(ctx context.Context, op string, keys []string, args []any) (domain.PublishResult, error) {
	raw, err := n.callScript(ctx, keys, args)
	if errors.Is(err, errFewReplicas) {
		return domain.PublishResult{}, domain.Unavailable("redis", retryAfter).WithCause(err).WithOp(op)
	}
	if err != nil {
		return domain.PublishResult{}, redisError(op, err, n.timeout)
	}
	result, ok := parseResult(raw)
	if !ok {
		return domain.PublishResult{}, replyError(op, reply.ErrUnexpectedResult)
	}
	return result, nil
}

// parseResult parses the result of the script. It returns false for another form, which only a
// different program returns.
func parseResult(raw any) (domain.PublishResult, bool) {
	parts, ok := reply.Strings(raw)
	if !ok || len(parts) != 2 || parts[1] != "0" && parts[1] != "1" {
		return domain.PublishResult{}, false
	}
	if id, err := domain.ParsePosition(parts[0]); err != nil || id == domain.PositionLive || id == domain.PositionStart {
		return domain.PublishResult{}, false
	}
	return domain.PublishResult{ID: parts[0], Duplicate: parts[1] == "1"}, true
}

// callScript calls the script by its hash, or by its text if the server does not know it.
func (n *Notifier) callScript(ctx context.Context, keys []string, args []any) (any, error) {
	if n.replicas == 0 {
		return n.script.Run(ctx, n.rdb, keys, args...).Result()
	}
	raw, err := n.callAndWait(ctx, n.script.EvalSha, keys, args)
	if goredis.HasErrorPrefix(err, "NOSCRIPT") {
		return n.callAndWait(ctx, n.script.Eval, keys, args)
	}
	return raw, err
}

// scriptCall adds a call of the script to a pipeline.
type scriptCall func(context.Context, goredis.Scripter, []string, ...any) *goredis.Cmd

// callAndWait calls the script and waits for the replicas on the same connection. WAIT
// covers all writes before the last command of the connection, so it also covers a
// duplicate. It can fail although the script succeeded: a cluster node that has become a
// replica redirects the script to the master, and rejects WAIT.
func (n *Notifier) callAndWait(ctx context.Context, call scriptCall, keys []string, args []any) (any, error) {
	pipe := n.rdb.Pipeline()
	script := call(ctx, pipe, keys, args...)
	// Less than the socket timeout, so that Redis can reply.
	limit := min(n.timeout/2, time.Second)
	confirmed := pipe.Do(ctx, "wait", n.replicas, limit.Milliseconds())
	_, _ = pipe.Exec(ctx) // the first error of the two
	if script.Err() != nil {
		return nil, script.Err()
	}
	if count, err := confirmed.Int(); err != nil || count < n.replicas {
		return nil, errors.Join(errFewReplicas, reply.Redacted(err))
	}
	return script.Result()
}
