package redis

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/adapters/redis/reply"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// responseTTL is the time to live of a response.
	responseTTL = 24 * time.Hour
	// claimTTL is the time to live of a claim, longer than every request. It frees the
	// claim of a process that died.
	claimTTL = time.Minute + 30*time.Second
	// idempotencyTimeout is the timeout of a call. After it the request continues without
	// idempotency.
	idempotencyTimeout = 500 * time.Millisecond
)

// Each value of an idempotency key begins with one of these prefixes.
const (
	// runningPrefix precedes the ticket of a running request, which ends with its digest.
	runningPrefix = "running "
	// answeredPrefix precedes the digest of a completed request, a space and its response.
	answeredPrefix = "answered "
)

// claimScript sets a free key to the ticket, or reads the value of the key. It shortens a
// ticket that ends later than a new one would: after a step of Redis's clock backwards, the
// ticket of a process that died would last as long as the step.
//
// KEYS: the key. ARGV: the ticket, its time to live in ms. Result: the value of the key.
const claimScript = `
local held = redis.call('GET', KEYS[1])
if held then
  if string.find(held, '` + runningPrefix + `', 1, true) == 1 and redis.call('PTTL', KEYS[1]) > tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end -- if the ticket ends too late
  return held
end -- if the key is in use
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
`

// confirmScript replaces a ticket by the response, unless the key has another value.
//
// KEYS: the key. ARGV: the ticket, the response, its time to live in ms. Result: 1, or 0 if the
// key has another value.
const confirmScript = `
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
`

// releaseScript deletes a key whose value is the ticket.
//
// KEYS: the key. ARGV: the ticket. Result: 1, or 0 if the key has another value.
const releaseScript = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`

// Idempotency stores the responses of idempotent requests.
type Idempotency struct {
	rdb                     goredis.UniversalClient
	claim, confirm, release *goredis.Script
}

var _ ports.Idempotency = (*Idempotency)(nil)

var errUnexpectedValue = errors.New("the value of the key is neither a ticket nor a response")

// NewIdempotency returns a store on the client.
func NewIdempotency(c *Client) *Idempotency {
	return &Idempotency{
		rdb: c.rdb, claim: goredis.NewScript(claimScript),
		confirm: goredis.NewScript(confirmScript), release: goredis.NewScript(releaseScript),
	}
}

// idempotencyKey returns the Redis key of a client's key. It hashes path and key, so that
// it is short and unambiguous; no path contains the separator.
func idempotencyKey(key domain.IdempotencyKey) string {
	sum := sha256.Sum256([]byte(key.Key + "\x00" + key.Path))
	return "gwonce:{" + string(key.User) + "}:" + hex.EncodeToString(sum[:])
}

// Claim claims the key for a request with the digest, or returns what another request has
// stored under it.
func (i *Idempotency) Claim(ctx context.Context, key domain.IdempotencyKey, digest string) (domain.Claim, error) {
	const op = "redis.Claim"
	ticket := runningPrefix + uuid.NewString() + " " + digest
	ctx, cancel := context.WithTimeout(ctx, idempotencyTimeout)
	defer cancel()
	held, err := i.claim.Run(ctx, i.rdb, []string{idempotencyKey(key)}, ticket, claimTTL.Milliseconds()).Text()
	if err != nil {
		return domain.Claim{}, i.retryableError(op, err)
	}
	if held == ticket {
		return domain.Claim{State: domain.Claimed, Ticket: ticket}, nil
	}
	if strings.HasPrefix(held, runningPrefix) {
		return domain.Claim{State: domain.Running}, nil
	}
	rest, answered := strings.CutPrefix(held, answeredPrefix)
	claimed, response, complete := strings.Cut(rest, " ")
	switch {
	case !answered || !complete:
		return domain.Claim{}, domain.Unavailable("redis", retryAfter).WithCause(errUnexpectedValue).WithOp(op)
	case claimed != digest:
		return domain.Claim{State: domain.Mismatched}, nil
	default:
		return domain.Claim{State: domain.Completed, Response: []byte(response)}, nil
	}
}

// Confirm stores the response of a claimed key.
func (i *Idempotency) Confirm(ctx context.Context, key domain.IdempotencyKey, ticket string, response []byte) error {
	digest := ticket[strings.LastIndexByte(ticket, ' ')+1:]
	ctx, cancel := context.WithTimeout(ctx, idempotencyTimeout)
	defer cancel()
	value := answeredPrefix + digest + " " + string(response)
	err := i.confirm.Run(ctx, i.rdb, []string{idempotencyKey(key)}, ticket, value, responseTTL.Milliseconds()).Err()
	if err != nil {
		return i.retryableError("redis.Confirm", err)
	}
	return nil
}

// Release frees a claimed key without a response.
func (i *Idempotency) Release(ctx context.Context, key domain.IdempotencyKey, ticket string) error {
	ctx, cancel := context.WithTimeout(ctx, idempotencyTimeout)
	defer cancel()
	if err := i.release.Run(ctx, i.rdb, []string{idempotencyKey(key)}, ticket).Err(); err != nil {
		return i.retryableError("redis.Release", err)
	}
	return nil
}

// retryableError converts an error to one that is always temporary: the store never rejects
// a request permanently.
func (i *Idempotency) retryableError(op string, err error) *domain.Error {
	if e := redisError(op, err, idempotencyTimeout); domain.Retryable(e) {
		return e
	}
	return domain.Unavailable("redis", retryAfter).WithCause(reply.Redacted(err)).WithOp(op)
}
