package memory

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Platform is a fake of the platform behind the gateway, for tests. It has no batches until
// AddBatch is called, allows every pipeline unless SetPreflight has set another result, and
// records all commands.
type Platform struct {
	mu         sync.Mutex
	batches    map[domain.BatchID]domain.BatchReport
	order      []domain.BatchID
	preflights map[domain.BatchID]ports.PreflightResult
	failure    error
	commands   []domain.Command

	registered []domain.Registration
	prompts    map[domain.BatchID]*domain.PromptRef
	reply      *ports.Passthrough
}

var (
	_ ports.BatchStatusClient = (*Platform)(nil)
	_ ports.PreflightChecker  = (*Platform)(nil)
	_ ports.CommandPublisher  = (*Platform)(nil)
)

// NewPlatform returns a platform without batches.
func NewPlatform() *Platform {
	return &Platform{
		batches:    map[domain.BatchID]domain.BatchReport{},
		preflights: map[domain.BatchID]ports.PreflightResult{},
		prompts:    map[domain.BatchID]*domain.PromptRef{},
	}
}

// AddBatch adds or replaces a batch. An empty document is replaced by a small one with the
// batch's id and status.
func (p *Platform) AddBatch(batch domain.BatchID, report domain.BatchReport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(report.Document) == 0 {
		report.Document = document(batch, report.Overall)
	}
	if _, known := p.batches[batch]; !known {
		p.order = append(p.order, batch)
	}
	p.batches[batch] = report
}

// SetPreflight sets the preflight result of a batch for all pipelines.
func (p *Platform) SetPreflight(batch domain.BatchID, v ports.PreflightResult) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.preflights[batch] = v
}

// Fail makes every call return err. Fail(nil) ends the failure.
func (p *Platform) Fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failure = err
}

// Commands returns a copy of the published commands in order.
func (p *Platform) Commands() []domain.Command {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.commands)
}

// Status returns the report of a batch. An unknown batch is a not-found error.
func (p *Platform) Status(ctx context.Context, _ domain.Caller, batch domain.BatchID) (domain.BatchReport, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.currentError(ctx); err != nil {
		return domain.BatchReport{}, err
	}
	report, known := p.batches[batch]
	if !known {
		return domain.BatchReport{}, domain.NotFound("batch", string(batch))
	}
	return report, nil
}

// List returns a page of the caller's batches in the order of the AddBatch calls.
func (p *Platform) List(ctx context.Context, caller domain.Caller, q domain.PlatformQuery) (domain.PlatformPage, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.currentError(ctx); err != nil {
		return domain.PlatformPage{}, err
	}
	wanted, _ := domain.ClientStatusOf(q.Overall)
	page := domain.PlatformPage{Batches: []domain.ListedBatch{}}
	for _, id := range p.order {
		report := p.batches[id]
		status, _ := domain.ClientStatusOf(report.Overall)
		if report.Owner != caller.User || (q.Overall != "" && status != wanted) {
			continue
		}
		page.Total++
		if page.Total > q.Offset && len(page.Batches) < q.Limit {
			page.Batches = append(page.Batches, listed(id, report.Overall))
		}
	}
	return page, nil
}

// Check returns the result that SetPreflight has set. The default is allowed.
func (p *Platform) Check(ctx context.Context, _ domain.Caller, batch domain.BatchID, _ domain.Pipeline) (ports.PreflightResult, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.currentError(ctx); err != nil {
		return ports.PreflightResult{}, err
	}
	if v, decided := p.preflights[batch]; decided {
		return v, nil
	}
	return ports.PreflightResult{Allowed: true}, nil
}

// Publish records a copy of the command.
func (p *Platform) Publish(ctx context.Context, command domain.Command) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failure != nil {
		return p.failure
	}
	value, err := command.Envelope.Encode()
	switch {
	case err != nil:
		return err
	case len(value) > domain.MaxCommandBytes:
		return domain.CommandTooLarge(domain.MaxCommandBytes).WithOp("memory.Publish")
	case ctx.Err() != nil:
		return domain.NotPublished(string(command.Topic), ctx.Err())
	}
	command.Envelope.Metadata = maps.Clone(command.Envelope.Metadata)
	p.commands = append(p.commands, command)
	return nil
}

// currentError returns the error that Fail has set, or CONNECTION_ERROR if ctx is done. The
// caller holds the lock.
func (p *Platform) currentError(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return domain.Unreachable("platform", err)
	}
	return p.failure
}

// listed returns the entry of a batch in a list.
func listed(batch domain.BatchID, overall string) domain.ListedBatch {
	head := strings.TrimSuffix(string(document(batch, "")), `""}`)
	return domain.ListedBatch{Overall: overall, Head: []byte(head), Tail: []byte("}")}
}

// document returns the JSON object of a batch, without its owner.
func document(batch domain.BatchID, status string) []byte {
	doc, err := json.Marshal(struct {
		ID     domain.BatchID `json:"batch_id"`
		Status string         `json:"overall_status"`
	}{batch, status})
	if err != nil { // impossible: strings can always be encoded
		return []byte("{}")
	}
	return doc
}
