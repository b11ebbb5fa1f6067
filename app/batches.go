package app

import (
	"context"
	"log/slog"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Batches reports on batches to the people they belong to.
type Batches struct {
	client ports.BatchStatusClient
	log    *slog.Logger
}

// NewBatches returns the use-case over the platform's client.
func NewBatches(client ports.BatchStatusClient, log *slog.Logger) *Batches {
	return &Batches{client: client, log: log}
}

// BatchView is a batch as its owner sees it.
type BatchView struct {
	Status  domain.ClientStatus
	Details domain.Document
}

// Status reports on the caller's own batch. It returns RESOURCE_NOT_FOUND for
// a batch that the platform does not know, AUTHORIZATION_ERROR for somebody
// else's, and what the client port returns.
func (b *Batches) Status(ctx context.Context, caller domain.Caller, id domain.BatchID) (BatchView, error) {
	report, err := b.ownedBatch(ctx, caller, id)
	if err != nil {
		return BatchView{}, err
	}
	status, known := domain.ClientStatusOf(report.Overall)
	if !known {
		b.log.WarnContext(ctx, "unknown batch status", "overall_status", truncate(report.Overall), "batch_id", string(id))
	}
	return BatchView{Status: status, Details: report.Document}, nil
}

// List reports on a page of the caller's batches.
func (b *Batches) List(ctx context.Context, caller domain.Caller, q domain.BatchQuery) (domain.BatchPage, error) {
	return b.client.List(ctx, caller, q)
}

// ownedBatch reports on a batch, to its owner alone. The owner's name stays in the log.
func (b *Batches) ownedBatch(ctx context.Context, caller domain.Caller, id domain.BatchID) (domain.BatchReport, error) {
	report, err := b.client.Status(ctx, caller, id)
	if err != nil {
		return domain.BatchReport{}, err
	}
	if report.Owner == caller.User {
		return report, nil
	}
	b.log.WarnContext(ctx, "batch belongs to somebody else",
		"batch_id", string(id), "owner", truncate(string(report.Owner)), "requested_by", string(caller.User))
	return domain.BatchReport{}, domain.Forbidden("Ownership violation: batch does not belong to user", map[string]any{
		"batch_id": string(id), "requested_by": string(caller.User),
	})
}

// truncate bounds what a log line repeats of another service's words, in bytes.
func truncate(s string) string {
	const limit = 256
	return s[:min(len(s), limit)]
}
