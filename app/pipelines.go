package app

import (
	"context"
	"log/slog"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// IDs generates event ids, which are UUIDs.
type IDs struct {
	// New returns a new id at each call.
	New func() string
	// FromName returns an id that depends only on the name (UUID version 5).
	FromName func(name string) string
}

// PipelineParts are the dependencies of Pipelines. All are required.
type PipelineParts struct {
	Batches     *Batches
	Preflight   ports.PreflightChecker
	Commands    ports.CommandPublisher
	Idempotency ports.Idempotency
	// Registered reports which batches were registered through the gateway.
	Registered ports.BatchRegistrations
	IDs        IDs
	Log        *slog.Logger
}

// Pipelines starts pipelines on batches.
type Pipelines struct{ PipelineParts }

// NewPipelines returns the use-case.
func NewPipelines(p PipelineParts) *Pipelines { return &Pipelines{p} }

// Outcome is the result of a request to start a pipeline that did not fail.
type Outcome struct {
	// Refusal is the orchestrator's refusal; nil when Kafka confirmed the command.
	Refusal *ports.Passthrough
	// Response is the response to the client when Refusal is nil.
	Response []byte
	// Replayed reports that the response is that of an earlier request with the same
	// key, and that nothing was published.
	Replayed bool
}

// Start starts a pipeline on the caller's batch. It checks the owner, asks the
// preflight and publishes the command. For a batch that the platform does not know
// yet, the preflight decides if the caller registered the batch through the gateway
// within 24 h; otherwise the error is RESOURCE_NOT_FOUND. A request with an idempotency
// key is executed once. Errors: AUTHORIZATION_ERROR, INVALID_REQUEST for a key
// that is in use or was used for another request, and those of the ports. Nothing is published after an error, except
// that the outcome is unknown after KAFKA_PUBLISH_ERROR.
func (p *Pipelines) Start(ctx context.Context, caller domain.Caller, r domain.PipelineRequest, repeat IdempotentRequest) (Outcome, error) {
	if repeat.Key == "" {
		return p.run(ctx, caller, r, p.IDs.New(), repeat.Response)
	}
	return p.runIdempotent(ctx, caller, r, repeat)
}

// run checks the request and publishes the command.
func (p *Pipelines) run(ctx context.Context, caller domain.Caller, r domain.PipelineRequest, eventID string, answer []byte) (Outcome, error) {
	_, unowned := p.Batches.ownedBatch(ctx, caller, r.Batch)
	if unowned != nil {
		if err := p.checkRegistered(ctx, caller, r.Batch, unowned); err != nil {
			return Outcome{}, err
		}
	}
	preflight, err := p.Preflight.Check(ctx, caller, r.Batch, r.Pipeline)
	if err != nil {
		return Outcome{}, err
	}
	if preflight.Skipped && unowned != nil {
		return Outcome{}, unowned
	}
	if !preflight.Allowed {
		return Outcome{Refusal: preflight.Refusal}, nil
	}
	if err := p.Commands.Publish(ctx, domain.PipelineCommand(ctx, caller, r, eventID)); err != nil {
		return Outcome{}, err
	}
	return Outcome{Response: answer}, nil
}

// checkRegistered returns nil if the platform does not know the batch and the caller
// registered it through the gateway. Otherwise it returns unowned, the error of the
// platform, or the error of the store.
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
