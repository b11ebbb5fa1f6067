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

// Repeat identifies a request that may be repeated, and contains its response.
type Repeat struct {
	// Key is the client's key, as domain.ParseIdempotencyKey accepts it; empty for a
	// request without a key.
	Key string
	// Body is the body of the request, byte for byte.
	Body []byte
	// Answer is the response after the command was published. A repeated request
	// gets the same bytes.
	Answer []byte
}

// runIdempotent runs the request unless a request with the same key was completed or is
// in progress. If the store is unavailable the request proceeds. A repeated request
// then still has the same event id, because that depends only on user, batch, pipeline
// and key.
func (p *Pipelines) runIdempotent(ctx context.Context, caller domain.Caller, r domain.PipelineRequest, repeat Repeat) (Outcome, error) {
	key := domain.IdempotencyKey{User: caller.User, Path: "batches/" + string(r.Batch) + "/pipelines", Key: repeat.Key}
	eventID := p.IDs.Of(eventName(caller.User, r, repeat.Key))
	digest := sha256.Sum256(repeat.Body)
	claim, err := p.Answers.Claim(ctx, key, hex.EncodeToString(digest[:]))
	if err != nil {
		p.Log.WarnContext(ctx, "the request proceeds without idempotency, because the store is unavailable", "error", err)
		return p.run(ctx, caller, r, eventID, repeat.Answer)
	}
	switch claim.State {
	case domain.Running:
		return Outcome{}, domain.KeyBusy(inUseRetryAfter).At("app.Start")
	case domain.Mismatched:
		return Outcome{}, domain.KeyReused().At("app.Start")
	case domain.Answered:
		return Outcome{Answer: claim.Answer, Replayed: true}, nil
	}
	outcome, err := p.run(ctx, caller, r, eventID, repeat.Answer)
	p.storeOutcome(ctx, key, claim.Ticket, outcome)
	return outcome, err
}

// storeOutcome stores the response of a published command, and releases the key after
// a refusal, a failure or an unknown outcome. A cancelled request does not stop it.
func (p *Pipelines) storeOutcome(ctx context.Context, key domain.IdempotencyKey, ticket string, outcome Outcome) {
	ctx = context.WithoutCancel(ctx)
	var err error
	if outcome.Answer != nil {
		err = p.Answers.Confirm(ctx, key, ticket, outcome.Answer)
	} else {
		err = p.Answers.Release(ctx, key, ticket)
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
