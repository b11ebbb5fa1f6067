package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/huleedu/edge/domain"
)

// inUseRetryAfter is the Retry-After of a request whose key is in use.
const inUseRetryAfter = time.Second

// IdempotentRequest identifies a request that may be repeated, and contains its response.
type IdempotentRequest struct {
	// Key is the client's key, as domain.ParseIdempotencyKey accepts it; empty for a
	// request without a key.
	Key string
	// Body is the body of the request, byte for byte.
	Body []byte
	// Response is the response after the command was published. A repeated request
	// gets the same bytes.
	Response []byte
}

// runIdempotent runs the request unless a request with the same key was completed or is
// in progress. If the store is unavailable the request proceeds. A repeated request
// then still has the same event id, because that depends only on user, batch, pipeline
// and key.
func (p *Pipelines) runIdempotent(ctx context.Context, caller domain.Caller, r domain.PipelineRequest, repeat IdempotentRequest) (Outcome, error) {
	key := domain.IdempotencyKey{User: caller.User, Path: "batches/" + string(r.Batch) + "/pipelines", Key: repeat.Key}
	eventID := p.IDs.FromName(eventName(caller.User, r, repeat.Key))
	digest := sha256.Sum256(repeat.Body)
	claim, err := p.Idempotency.Claim(ctx, key, hex.EncodeToString(digest[:]))
	if err != nil {
		p.Log.DebugContext(ctx, "the request proceeds without idempotency, because the store is unavailable", "error", err)
		return p.run(ctx, caller, r, eventID, repeat.Response)
	}
	switch claim.State {
	case domain.Running:
		return Outcome{}, domain.IdempotencyKeyInUse(inUseRetryAfter).WithOp("app.Start")
	case domain.Mismatched:
		return Outcome{}, domain.IdempotencyKeyReused().WithOp("app.Start")
	case domain.Completed:
		return Outcome{Response: claim.Response, Replayed: true}, nil
	}
	outcome, err := p.run(ctx, caller, r, eventID, repeat.Response)
	p.storeOutcome(ctx, key, claim.Ticket, outcome)
	return outcome, err
}

// storeOutcome stores the response of a published command, and releases the key after
// a refusal, a failure or an unknown outcome. A cancelled request does not stop it.
func (p *Pipelines) storeOutcome(ctx context.Context, key domain.IdempotencyKey, ticket string, outcome Outcome) {
	ctx = context.WithoutCancel(ctx)
	var err error
	if outcome.Response != nil {
		err = p.Idempotency.Confirm(ctx, key, ticket, outcome.Response)
	} else {
		err = p.Idempotency.Release(ctx, key, ticket)
	}
	if err != nil {
		p.Log.WarnContext(ctx, "the outcome of a request was not stored", "error", err)
	}
}

// eventName returns the name from which the event id of a request with a key is
// derived. Each part has its length in front, so that names are unique.
func eventName(user domain.UserID, r domain.PipelineRequest, key string) string {
	var b strings.Builder
	for _, part := range []string{string(user), string(r.Batch), string(r.Pipeline), key} {
		b.WriteString(strconv.Itoa(len(part)))
		b.WriteByte(':')
		b.WriteString(part)
	}
	return b.String()
}
