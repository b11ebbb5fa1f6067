package app

import (
	"context"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Registrations makes batches known to the platform.
type Registrations struct {
	registry ports.BatchRegistry
}

// NewRegistrations returns the use-case over the platform's registry.
func NewRegistrations(registry ports.BatchRegistry) *Registrations {
	return &Registrations{registry: registry}
}

// Register hands the caller's new batch to the orchestrator and returns its
// word, whatever it is. Errors are the port's.
func (r *Registrations) Register(ctx context.Context, caller domain.Caller, batch domain.Registration) (domain.Reply, error) {
	return r.registry.Register(ctx, caller, batch)
}

// SetPrompt says which prompt a batch answers. Whether it is the caller's own
// is the orchestrator's to judge, which knows of batches before the aggregator
// does. Errors are the port's.
func (r *Registrations) SetPrompt(ctx context.Context, caller domain.Caller, batch domain.BatchID, prompt domain.PromptRef) (domain.Reply, error) {
	return r.registry.SetPrompt(ctx, caller, batch, prompt)
}
