package app

import (
	"context"
	"log/slog"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Batches reports on batches to their owners.
type Batches struct {
	client ports.BatchStatusClient
	log    *slog.Logger
}

// NewBatches returns the use-case over the platform's client.
func NewBatches(client ports.BatchStatusClient, log *slog.Logger) *Batches {
	return &Batches{client: client, log: log}
}

// BatchView is the status of a batch for its owner.
type BatchView struct {
	Status  domain.ClientStatus
	Details domain.Document
}

// Status returns the status of the caller's batch. It returns RESOURCE_NOT_FOUND for
// an unknown batch, AUTHORIZATION_ERROR for a batch of another user, and the errors of
// the port.
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

// List returns a page of the caller's batches. Errors are those of the port.
func (b *Batches) List(ctx context.Context, caller domain.Caller, q domain.BatchQuery) (domain.BatchPage, error) {
	list, err := b.client.List(ctx, caller, domain.PlatformQuery{Limit: q.Limit, Offset: q.Offset, Overall: q.Status.PlatformStatus()})
	if err != nil {
		return domain.BatchPage{}, err
	}
	page := domain.BatchPage{Batches: make([]domain.Document, 0, len(list.Batches)), Total: list.Total}
	var unknown []string
	for _, batch := range list.Batches {
		status, known := domain.ClientStatusOf(batch.Overall)
		if !known && len(unknown) < maxLoggedStatuses {
			unknown = append(unknown, truncate(batch.Overall))
		}
		page.Batches = append(page.Batches, batch.Document(status))
	}
	if len(unknown) > 0 {
		b.log.WarnContext(ctx, "unknown batch status", "overall_status", unknown)
	}
	return page, nil
}

// maxLoggedStatuses is the maximum number of unknown statuses of one page that are logged.
const maxLoggedStatuses = 10

// ownedBatch returns the report on a batch if the caller is its owner. The owner's id
// is logged and not part of the error.
func (b *Batches) ownedBatch(ctx context.Context, caller domain.Caller, id domain.BatchID) (domain.BatchReport, error) {
	report, err := b.client.Status(ctx, caller, id)
	if err != nil {
		return domain.BatchReport{}, err
	}
	if report.Owner == caller.User {
		return report, nil
	}
	b.log.WarnContext(ctx, "batch belongs to another user",
		"batch_id", string(id), "owner", truncate(string(report.Owner)), "requested_by", string(caller.User))
	return domain.BatchReport{}, domain.Forbidden("Ownership violation: batch does not belong to user", map[string]any{
		"batch_id": string(id), "requested_by": string(caller.User),
	})
}

// truncate limits, in bytes, a text of another service in a log line.
func truncate(s string) string {
	const limit = 256
	return s[:min(len(s), limit)]
}
