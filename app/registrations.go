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

// Registrations makes batches known to the platform.
type Registrations struct {
	registry ports.BatchRegistry
	owners     ports.BatchRegistrations
	log      *slog.Logger
}

// NewRegistrations returns the use-case over the platform's registry and the store
// of what was registered here.
func NewRegistrations(registry ports.BatchRegistry, kept ports.BatchRegistrations, log *slog.Logger) *Registrations {
	return &Registrations{registry: registry, owners: kept, log: log}
}

// Register hands the caller's new batch to the orchestrator and returns its
// word, whatever it is. After a 202 it saves that the batch is the caller's; when
// that fails it logs a warning and the answer stays. Errors are the port's.
func (r *Registrations) Register(ctx context.Context, caller domain.Caller, batch domain.Registration) (domain.Reply, error) {
	reply, err := r.registry.Register(ctx, caller, batch)
	if err == nil && reply.Status == statusAccepted {
		r.saveOwner(ctx, caller.User, reply.Body)
	}
	return reply, err
}

// statusAccepted is the orchestrator's answer to a registration that it took.
const statusAccepted = 202

// saveOwner keeps whose batch the orchestrator's answer names. It does so also for a
// caller who has left: the batch is registered all the same.
func (r *Registrations) saveOwner(ctx context.Context, user domain.UserID, body []byte) {
	id, ok := parseBatchID(body)
	if !ok {
		r.log.WarnContext(ctx, "the answer to a registration names no batch; its owner is not kept")
		return
	}
	if err := r.owners.Save(context.WithoutCancel(ctx), user, id); err != nil {
		r.log.WarnContext(ctx, "the owner of a registered batch is not kept", "batch_id", string(id), "error", err)
	}
}

// maxBatchID bounds a batch id, in characters.
const maxBatchID = 255

// parseBatchID reads the one "batch_id" of the orchestrator's answer. It must be
// an id that a client can name in a path.
func parseBatchID(body []byte) (domain.BatchID, bool) {
	all, err := parseMembers(body)
	if err != nil {
		return "", false
	}
	var id string
	found := 0
	for _, m := range all {
		if m.key == "batch_id" {
			id = stringValue(m.value)
			found++
		}
	}
	usable := found == 1 && strings.TrimSpace(id) != "" && utf8.RuneCountInString(id) <= maxBatchID &&
		!strings.ContainsFunc(id, func(c rune) bool { return c == utf8.RuneError || unicode.IsControl(c) })
	return domain.BatchID(id), usable
}

// SetPrompt says which prompt a batch answers. Whether it is the caller's own
// is the orchestrator's to judge, which knows of batches before the aggregator
// does. Errors are the port's.
func (r *Registrations) SetPrompt(ctx context.Context, caller domain.Caller, batch domain.BatchID, prompt domain.PromptRef) (domain.Reply, error) {
	return r.registry.SetPrompt(ctx, caller, batch, prompt)
}
