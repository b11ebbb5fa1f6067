package memory

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

var _ ports.BatchRegistry = (*Platform)(nil)

// Answer fixes what registrations and prompts are told, in place of the
// platform's own judgement.
func (p *Platform) Answer(r domain.Reply) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reply = &r
}

// Prompt returns which prompt a batch answers; nil when nobody said.
func (p *Platform) Prompt(batch domain.BatchID) *domain.PromptRef {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.prompts[batch]
}

// Registered returns what was registered, in its order. The slice is the
// caller's own.
func (p *Platform) Registered() []domain.Registration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]domain.Registration(nil), p.registered...)
}

// Register makes a batch known that awaits its essays.
func (p *Platform) Register(ctx context.Context, caller domain.Caller, r domain.Registration) (domain.Reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fixed, err := p.fixed(ctx); fixed != nil || err != nil {
		return given(fixed), err
	}
	p.registered = append(p.registered, r)
	id := domain.BatchID(fmt.Sprintf("batch-registered-%d", len(p.registered)))
	const overall = "awaiting_content_validation"
	p.order = append(p.order, id)
	p.batches[id] = domain.BatchReport{Owner: caller.User, Overall: overall, Document: document(id, overall)}
	p.prompts[id] = r.PromptRef
	return reply(http.StatusAccepted, map[string]any{
		"batch_id": id, "correlation_id": domain.TrailOf(ctx).Correlation, "status": "registered",
	}), nil
}

// SetPrompt changes which prompt a batch answers, for its owner alone.
func (p *Platform) SetPrompt(ctx context.Context, caller domain.Caller, batch domain.BatchID, prompt domain.PromptRef) (domain.Reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fixed, err := p.fixed(ctx); fixed != nil || err != nil {
		return given(fixed), err
	}
	report, known := p.batches[batch]
	switch {
	case !known:
		return reply(http.StatusNotFound, map[string]any{"error": "Batch not found"}), nil
	case report.Owner != caller.User:
		return reply(http.StatusForbidden, map[string]any{"error": "Batch not owned by user"}), nil
	}
	p.prompts[batch] = &prompt
	return reply(http.StatusOK, map[string]any{"status": "success", "batch_id": batch, "student_prompt_ref": prompt}), nil
}

// fixed is what Fail and Answer want to be said; the lock is held.
func (p *Platform) fixed(ctx context.Context) (*domain.Reply, error) {
	if err := p.trouble(ctx); err != nil {
		return nil, err
	}
	if p.reply != nil && !json.Valid(p.reply.Body) {
		return nil, domain.BrokenAnswer("platform", nil)
	}
	return p.reply, nil
}

func given(r *domain.Reply) domain.Reply {
	if r == nil {
		return domain.Reply{}
	}
	return domain.Reply{Status: r.Status, ContentType: r.ContentType, RetryAfter: r.RetryAfter, Body: bytes.Clone(r.Body)}
}

func reply(status int, document map[string]any) domain.Reply {
	body, err := json.Marshal(document)
	if err != nil { // texts and prompts always encode
		body = []byte("{}")
	}
	return domain.Reply{Status: status, ContentType: "application/json", Body: body}
}
