package app_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// shelf is a store with one claim to give; it notes what becomes of it.
type shelf struct {
	claim domain.Claim
	away  error
	steps []string
	dead  bool // a step after the claim came with a context that is done
}

func (s *shelf) Claim(_ context.Context, key domain.IdempotencyKey, digest string) (domain.Claim, error) {
	s.steps = append(s.steps, fmt.Sprintf("claim %s %s %s %s", key.User, key.Path, key.Key, digest[:8]))
	return s.claim, s.away
}

func (s *shelf) Confirm(ctx context.Context, _ domain.IdempotencyKey, ticket string, answer []byte) error {
	s.steps = append(s.steps, "confirm "+ticket+" "+string(answer))
	s.dead = s.dead || ctx.Err() != nil
	return s.away
}

func (s *shelf) Release(ctx context.Context, _ domain.IdempotencyKey, ticket string) error {
	s.steps = append(s.steps, "release "+ticket)
	s.dead = s.dead || ctx.Err() != nil
	return s.away
}

var _ ports.Idempotency = (*shelf)(nil)

// repeat starts a pipeline with a key, for a client that has left already.
func (o *office) repeat() (app.Outcome, error) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return o.pipelines().Start(ctx, domain.Caller{User: "u1"}, domain.PipelineRequest{Batch: "b1", Pipeline: "nlp"},
		app.IdempotentRequest{Key: "k1", Body: []byte("{}"), Response: []byte("yes")})
}

func willing(s *shelf) *office {
	return &office{report: domain.BatchReport{Owner: "u1"}, preflight: ports.PreflightResult{Allowed: true}, answers: s}
}

// The first half of a claim line; the digest is of the body "{}".
const claimed = "claim u1 batches/b1/pipelines k1 44136fa3"

func TestTheResponseOfARequestWithAKeyIsStored(t *testing.T) {
	s := &shelf{claim: domain.Claim{Ticket: "t1"}}
	o := willing(s)
	outcome, err := o.repeat()
	require.NoError(t, err)
	require.Equal(t, app.Outcome{Response: []byte("yes")}, outcome)
	require.Equal(t, []string{claimed, "confirm t1 yes"}, s.steps)
	require.False(t, s.dead, "the outcome is kept although the client has left")
	require.Len(t, o.commands, 1)
	require.Equal(t, "of 2:u12:b13:nlp2:k1", o.commands[0].Envelope.EventID)
}

func TestARepeatGetsTheStoredAnswer(t *testing.T) {
	s := &shelf{claim: domain.Claim{State: domain.Completed, Response: []byte("stored")}}
	o := willing(s)
	outcome, err := o.repeat()
	require.NoError(t, err)
	require.Equal(t, app.Outcome{Response: []byte("stored"), Replayed: true}, outcome)
	require.Empty(t, o.commands)
	require.Zero(t, o.asked)
	require.Len(t, s.steps, 1)
}

func TestAKeyInUseIsAConflict(t *testing.T) {
	for state, wait := range map[domain.ClaimState]bool{domain.Running: true, domain.Mismatched: false} {
		s := &shelf{claim: domain.Claim{State: state}}
		o := willing(s)
		_, err := o.repeat()
		e := domain.As(err)
		require.Equal(t, domain.InvalidRequest, e.Code)
		require.Equal(t, map[domain.ClaimState]domain.Reason{
			domain.Running: domain.ReasonKeyInUse, domain.Mismatched: domain.ReasonKeyReused,
		}[state], e.Reason)
		require.Equal(t, wait, e.RetryAfter > 0)
		require.Empty(t, o.commands)
		require.Len(t, s.steps, 1)
	}
}

func TestAKeyIsReleasedAfterAFailure(t *testing.T) {
	away := domain.Unreachable("x", nil)
	for name, o := range map[string]*office{
		"foreign": {report: domain.BatchReport{Owner: "u2"}},
		"unasked": {report: domain.BatchReport{Owner: "u1"}, denied: away},
		"refused": {report: domain.BatchReport{Owner: "u1"}, preflight: ports.PreflightResult{Refusal: &ports.Passthrough{Status: 402}}},
		"unknown": {report: domain.BatchReport{Owner: "u1"}, preflight: ports.PreflightResult{Allowed: true}, lost: domain.NotPublished("t", nil)},
	} {
		s := &shelf{claim: domain.Claim{Ticket: "t1"}}
		o.answers = s
		_, _ = o.repeat() // either way
		require.Equal(t, []string{claimed, "release t1"}, s.steps, name)
		require.False(t, s.dead, name)
	}
}

func TestARequestProceedsWithoutTheStore(t *testing.T) {
	s := &shelf{away: domain.Unreachable("redis", errors.New("refused"))}
	o := willing(s)
	outcome, err := o.repeat()
	require.NoError(t, err)
	require.Equal(t, "yes", string(outcome.Response))
	require.Equal(t, []string{claimed}, s.steps, "nothing is owed to a store that gave no ticket")
	_, err = o.repeat()
	require.NoError(t, err)
	require.Equal(t, o.commands[0].Envelope.EventID, o.commands[1].Envelope.EventID, "a repeat is one event")
}
