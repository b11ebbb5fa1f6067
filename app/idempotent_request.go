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

// inUseRetryAfter is when a client may ask again whose first request is still running.
const inUseRetryAfter = time.Second

// Repeat says what makes a request a repeat of another, and what a client is
// told when it was done.
type Repeat struct {
	// Key is the client's own, as domain.ParseIdempotencyKey accepts it; empty
	// for a request that is not meant to be repeated.
	Key string
	// Body is the request's, byte for byte.
	Body []byte
	// Answer is what the client is told once the command is safe; a repeat gets
	// the same bytes.
	Answer []byte
}

// runIdempotent runs the request unless one of its key has been or is being run. The
// store of answers is no condition: without it the request goes on, and its
// event id, which depends on the key alone, still makes a repeat one event.
func (p *Pipelines) runIdempotent(ctx context.Context, caller domain.Caller, r domain.PipelineRequest, repeat Repeat) (Outcome, error) {
	key := domain.IdempotencyKey{User: caller.User, Path: "batches/" + string(r.Batch) + "/pipelines", Key: repeat.Key}
	eventID := p.IDs.Of(eventName(caller.User, r, repeat.Key))
	sum := sha256.Sum256(repeat.Body)
	claim, err := p.Answers.Claim(ctx, key, hex.EncodeToString(sum[:]))
	if err != nil {
		p.Log.WarnContext(ctx, "request goes on without being remembered", "error", err)
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

// storeOutcome keeps the answer of a command that is safe, and frees the key of
// anything else: refused, failed or unknown. The client may have left; that
// changes neither.
func (p *Pipelines) storeOutcome(ctx context.Context, key domain.IdempotencyKey, ticket string, outcome Outcome) {
	ctx = context.WithoutCancel(ctx)
	var err error
	if outcome.Answer != nil {
		err = p.Answers.Confirm(ctx, key, ticket, outcome.Answer)
	} else {
		err = p.Answers.Release(ctx, key, ticket)
	}
	if err != nil {
		p.Log.WarnContext(ctx, "outcome of a request was not remembered", "error", err)
	}
}

// eventName is the name behind the event id of a request with a key. Each part
// is preceded by its length, so that no two requests share a name.
func eventName(user domain.UserID, r domain.PipelineRequest, key string) string {
	var b strings.Builder
	for _, part := range []string{string(user), string(r.Batch), string(r.Pipeline), key} {
		b.WriteString(strconv.Itoa(len(part)))
		b.WriteByte(':')
		b.WriteString(part)
	}
	return b.String()
}
