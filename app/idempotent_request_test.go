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

// idempotencyStub is an idempotency store that returns one claim and records its calls.
type idempotencyStub struct {
	claim domain.Claim
	err   error
	calls []string
	// finishErr is the error of Confirm and Release, beside err.
	finishErr error
	// cancelled is true if Confirm or Release got a context that was done.
	cancelled bool
}

func (s *idempotencyStub) Claim(_ context.Context, key domain.IdempotencyKey, digest string) (domain.Claim, error) {
	s.calls = append(s.calls, fmt.Sprintf("claim %s %s %s %s", key.User, key.Path, key.Key, digest[:8]))
	return s.claim, s.err
}

func (s *idempotencyStub) Confirm(ctx context.Context, _ domain.IdempotencyKey, ticket string, answer []byte) error {
	return s.finish(ctx, "confirm "+ticket+" "+string(answer))
}

func (s *idempotencyStub) Release(ctx context.Context, _ domain.IdempotencyKey, ticket string) error {
	return s.finish(ctx, "release "+ticket)
}

func (s *idempotencyStub) finish(ctx context.Context, call string) error {
	s.calls = append(s.calls, call)
	s.cancelled = s.cancelled || ctx.Err() != nil
	return errors.Join(s.finishErr, s.err)
}

// startWithKey starts a pipeline with a key, for a client that has left already.
func (p *platformStub) startWithKey(s *idempotencyStub) (app.Outcome, error) {
	p.idempotency = s
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return p.pipelines().Start(ctx, domain.Caller{User: "u1"}, domain.PipelineRequest{Batch: "b1", Pipeline: "nlp"},
		app.IdempotentRequest{Key: "k1", Body: []byte("{}"), Response: []byte("yes")})
}

// claimed is the recorded Claim call. The digest is of the body "{}".
const claimed = "claim u1 batches/b1/pipelines k1 44136fa3"

func TestTheResponseOfARequestWithAKeyIsStored(t *testing.T) {
	s := &idempotencyStub{claim: domain.Claim{Ticket: "t1"}}
	p := ownedBatch()
	outcome, err := p.startWithKey(s)
	require.NoError(t, err)
	require.Equal(t, app.Outcome{Response: []byte("yes")}, outcome)
	require.Equal(t, []string{claimed, "confirm t1 yes"}, s.calls)
	require.Empty(t, p.log.String())
	require.False(t, s.cancelled, "the outcome is stored although the client has left")
	require.Len(t, p.commands, 1)
	require.Equal(t, "of 2:u12:b13:nlp2:k1", p.commands[0].Envelope.EventID)
}

func TestARepeatGetsTheStoredAnswer(t *testing.T) {
	s := &idempotencyStub{claim: domain.Claim{State: domain.Completed, Response: []byte("stored")}}
	p := ownedBatch()
	outcome, err := p.startWithKey(s)
	require.NoError(t, err)
	require.Equal(t, app.Outcome{Response: []byte("stored"), Replayed: true}, outcome)
	require.Empty(t, p.commands)
	require.Zero(t, p.preflights)
	require.Len(t, s.calls, 1)
}

func TestAKeyInUseIsAConflict(t *testing.T) {
	for state, wait := range map[domain.ClaimState]bool{domain.Running: true, domain.Mismatched: false} {
		s := &idempotencyStub{claim: domain.Claim{State: state}}
		p := ownedBatch()
		_, err := p.startWithKey(s)
		e := domain.As(err)
		require.Equal(t, domain.InvalidRequest, e.Code)
		require.Equal(t, map[domain.ClaimState]domain.Reason{
			domain.Running: domain.ReasonKeyInUse, domain.Mismatched: domain.ReasonKeyReused,
		}[state], e.Reason)
		require.Equal(t, wait, e.RetryAfter > 0)
		require.Empty(t, p.commands)
		require.Len(t, s.calls, 1)
	}
}

func TestAKeyIsReleasedAfterAFailure(t *testing.T) {
	unreachable := domain.Unreachable("x", nil)
	for name, p := range map[string]*platformStub{
		"batch of another user": {report: domain.BatchReport{Owner: "u2"}},
		"preflight fails":       {report: domain.BatchReport{Owner: "u1"}, preflightErr: unreachable},
		"refused":               {report: domain.BatchReport{Owner: "u1"}, preflight: ports.PreflightResult{Refusal: &ports.Passthrough{Status: 402}}},
		"publish fails":         {report: domain.BatchReport{Owner: "u1"}, preflight: ports.PreflightResult{Allowed: true}, publishErr: domain.NotPublished("t", nil)},
	} {
		s := &idempotencyStub{claim: domain.Claim{Ticket: "t1"}}
		outcome, err := p.startWithKey(s)
		require.Equal(t, outcome.Refusal == nil, err != nil, "%s: a refusal of the preflight must not be an error", name)
		require.Equal(t, []string{claimed, "release t1"}, s.calls, name)
		require.False(t, s.cancelled, name)
	}
}

func TestAnOutcomeThatIsNotStoredIsLogged(t *testing.T) {
	s := &idempotencyStub{claim: domain.Claim{Ticket: "t1"}, finishErr: domain.Unreachable("redis", nil)}
	p := ownedBatch()
	outcome, err := p.startWithKey(s)
	require.NoError(t, err)
	require.Equal(t, "yes", string(outcome.Response))
	require.Contains(t, p.log.String(), "was not stored")
}

func TestARequestProceedsWithoutTheStore(t *testing.T) {
	s := &idempotencyStub{err: domain.Unreachable("redis", errors.New("refused"))}
	p := ownedBatch()
	outcome, err := p.startWithKey(s)
	require.NoError(t, err)
	require.Equal(t, "yes", string(outcome.Response))
	require.Equal(t, []string{claimed}, s.calls, "without a ticket there is nothing to release")
	_, err = p.startWithKey(s)
	require.NoError(t, err)
	require.Equal(t, p.commands[0].Envelope.EventID, p.commands[1].Envelope.EventID, "a repeat is one event")
	p.publishErr = domain.NotPublished("t", nil)
	_, err = p.startWithKey(s)
	require.ErrorIs(t, err, p.publishErr)
}
