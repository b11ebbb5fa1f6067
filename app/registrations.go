package app

import (
	"context"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Registrations registers batches with the platform.
type Registrations struct {
	registry ports.BatchRegistry
	owners   ports.BatchRegistrations
	log      *slog.Logger
}

// NewRegistrations returns the use-case. owners stores who registered which batch.
func NewRegistrations(registry ports.BatchRegistry, owners ports.BatchRegistrations, log *slog.Logger) *Registrations {
	return &Registrations{registry: registry, owners: owners, log: log}
}

// Register sends the caller's new batch to the orchestrator and returns its response
// unchanged. After an acceptance it stores the caller as the owner of the batch. If that fails
// it logs a warning and the response stays the same. Errors are those of the port.
func (r *Registrations) Register(ctx context.Context, caller domain.Caller, batch domain.Registration) (ports.Passthrough, error) {
	reply, err := r.registry.Register(ctx, caller, batch)
	if err == nil && reply.Accepted() {
		r.saveOwner(ctx, caller.User, reply.Body)
	}
	return reply, err
}

// saveOwner stores the user as the owner of the batch in the orchestrator's response.
// A cancelled request does not stop it, because the batch is registered.
func (r *Registrations) saveOwner(ctx context.Context, user domain.UserID, body []byte) {
	id, ok := parseBatchID(body)
	if !ok {
		r.log.WarnContext(ctx, "the response to a registration has no valid batch id; the owner is not stored")
		return
	}
	if err := r.owners.Save(context.WithoutCancel(ctx), user, id); err != nil {
		r.log.WarnContext(ctx, "the owner of a registered batch is not stored", "batch_id", string(id), "error", err)
	}
}

// maxBatchID is the maximum length of a batch id, in characters.
const maxBatchID = 255

// parseBatchID returns the "batch_id" of the orchestrator's response. It returns false
// if the member is missing or duplicate, or cannot be an id in a path.
func parseBatchID(body []byte) (domain.BatchID, bool) {
	all, err := parseMembers(body)
	if err != nil {
		return "", false
	}
	var id string
	found := 0
	for _, m := range all {
		if m.key == "batch_id" {
			id = domain.StringValue(m.value)
			found++
		}
	}
	usable := found == 1 && strings.TrimSpace(id) != "" && utf8.RuneCountInString(id) <= maxBatchID &&
		!strings.ContainsFunc(id, func(c rune) bool { return c == utf8.RuneError || unicode.IsControl(c) })
	return domain.BatchID(id), usable
}

// SetPrompt sets the prompt of a batch. The orchestrator checks the owner, because it
// knows a batch before the aggregator does. Errors are those of the port.
func (r *Registrations) SetPrompt(ctx context.Context, caller domain.Caller, batch domain.BatchID, prompt domain.PromptRef) (ports.Passthrough, error) {
	return r.registry.SetPrompt(ctx, caller, batch, prompt)
}
