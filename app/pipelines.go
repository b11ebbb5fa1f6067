package app

import (
	"context"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// IDs makes event ids: UUIDs, new at each call.
type IDs func() string

// Pipelines starts assessments of batches.
type Pipelines struct {
	batches   *Batches
	preflight ports.PreflightChecker
	commands  ports.CommandPublisher
	newID     IDs
}

// NewPipelines returns the use-case over ownership, preflight and publishing.
func NewPipelines(b *Batches, p ports.PreflightChecker, c ports.CommandPublisher, newID IDs) *Pipelines {
	return &Pipelines{batches: b, preflight: p, commands: c, newID: newID}
}

// Start runs a pipeline on the caller's batch: owner, preflight, command. A
// batch that the platform does not know yet is left to the preflight. It
// returns the orchestrator's refusal, if it has one to pass on, or nil once
// the command is safe on Kafka. Errors: AUTHORIZATION_ERROR, and what the
// ports return; nothing is published then, save that KAFKA_PUBLISH_ERROR means
// unknown.
func (p *Pipelines) Start(ctx context.Context, caller domain.Caller, r domain.PipelineRequest) (*domain.Refusal, error) {
	_, unowned := p.batches.owned(ctx, caller, r.Batch)
	if unowned != nil && domain.CodeOf(unowned) != domain.ResourceNotFound {
		return nil, unowned
	}
	verdict, err := p.preflight.Check(ctx, caller, r.Batch, r.Pipeline)
	if err != nil {
		return nil, err
	}
	if verdict.Unasked && unowned != nil {
		return nil, unowned
	}
	if !verdict.Allowed {
		return verdict.Refusal, nil
	}
	command, err := domain.PipelineCommand(ctx, caller, r, p.newID())
	if err != nil {
		return nil, err
	}
	return nil, p.commands.Publish(ctx, command)
}
