package app

import (
	"context"
	"log/slog"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// IDs makes event ids, which are UUIDs.
type IDs struct {
	// New is new at each call.
	New func() string
	// Of is the same for the same name (UUID version 5).
	Of func(name string) string
}

// PipelineParts are what Pipelines is made of. All are needed.
type PipelineParts struct {
	Batches   *Batches
	Preflight ports.PreflightChecker
	Commands  ports.CommandPublisher
	Answers   ports.Idempotency
	// Registered knows the batches that were registered here.
	Registered ports.BatchRegistrations
	IDs        IDs
	Log        *slog.Logger
}

// Pipelines starts assessments of batches.
type Pipelines struct{ PipelineParts }

// NewPipelines returns the use-case over ownership, preflight and publishing.
func NewPipelines(p PipelineParts) *Pipelines { return &Pipelines{p} }

// Outcome is what a request to start a pipeline came to, unless it failed.
type Outcome struct {
	// Refusal is the orchestrator's own; nil when the command is safe on Kafka.
	Refusal *domain.Refusal
	// Answer is what the client is told then.
	Answer []byte
	// Replayed says that the answer is that of an earlier request of the same
	// key, and that nothing was done.
	Replayed bool
}

// Start runs a pipeline on the caller's batch: owner, preflight, command. A
// batch that the platform does not know yet is left to the preflight if the caller
// registered it here within 24 h, and is RESOURCE_NOT_FOUND otherwise. A request
// with a key is done once, however often it is repeated. Errors:
// AUTHORIZATION_ERROR, INVALID_REQUEST of kind Conflict for a key that is in
// use, and what the ports return; nothing is published then, save that
// KAFKA_PUBLISH_ERROR means unknown.
func (p *Pipelines) Start(ctx context.Context, caller domain.Caller, r domain.PipelineRequest, repeat Repeat) (Outcome, error) {
	if repeat.Key == "" {
		return p.run(ctx, caller, r, p.IDs.New(), repeat.Answer)
	}
	return p.runIdempotent(ctx, caller, r, repeat)
}

// run asks and publishes.
func (p *Pipelines) run(ctx context.Context, caller domain.Caller, r domain.PipelineRequest, eventID string, answer []byte) (Outcome, error) {
	_, unowned := p.Batches.ownedBatch(ctx, caller, r.Batch)
	if unowned != nil {
		if err := p.checkRegistered(ctx, caller, r.Batch, unowned); err != nil {
			return Outcome{}, err
		}
	}
	verdict, err := p.Preflight.Check(ctx, caller, r.Batch, r.Pipeline)
	if err != nil {
		return Outcome{}, err
	}
	if verdict.Unasked && unowned != nil {
		return Outcome{}, unowned
	}
	if !verdict.Allowed {
		return Outcome{Refusal: verdict.Refusal}, nil
	}
	command, err := domain.PipelineCommand(ctx, caller, r, eventID)
	if err != nil {
		return Outcome{}, err
	}
	if err := p.Commands.Publish(ctx, command); err != nil {
		return Outcome{}, err
	}
	return Outcome{Answer: answer}, nil
}

// checkRegistered returns nil for a batch that the platform does not know, but that the
// caller registered here; unowned, the platform's answer, for any other; and the
// error of the store when it cannot tell.
func (p *Pipelines) checkRegistered(ctx context.Context, caller domain.Caller, batch domain.BatchID, unowned error) error {
	if domain.CodeOf(unowned) != domain.ResourceNotFound {
		return unowned
	}
	found, err := p.Registered.Registered(ctx, caller.User, batch)
	switch {
	case err != nil:
		return err
	case !found:
		return unowned
	default:
		return nil
	}
}
