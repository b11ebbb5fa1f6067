package memory

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

var _ ports.BatchRegistry = (*Platform)(nil)

// SetReply sets a fixed reply to all registrations and prompts.
func (p *Platform) SetReply(r ports.Passthrough) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reply = &r
}

// Prompt returns the prompt reference of a batch, or nil if none is set.
func (p *Platform) Prompt(batch domain.BatchID) *domain.PromptRef {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.prompts[batch]
}

// Registered returns a copy of the registrations in order.
func (p *Platform) Registered() []domain.Registration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.registered)
}

// Register adds a batch that waits for content.
func (p *Platform) Register(ctx context.Context, caller domain.Caller, r domain.Registration) (ports.Passthrough, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fixed, err := p.fixedReply(ctx); fixed != nil || err != nil {
		return cloneReply(fixed), err
	}
	p.registered = append(p.registered, r)
	id := domain.BatchID(fmt.Sprintf("batch-registered-%d", len(p.registered)))
	const overall = "awaiting_content_validation"
	p.order = append(p.order, id)
	p.batches[id] = domain.BatchReport{Owner: caller.User, Overall: overall, Document: document(id, overall)}
	p.prompts[id] = r.PromptRef
	return jsonReply(http.StatusAccepted, map[string]any{
		"batch_id": id, "correlation_id": domain.RequestContextOf(ctx).CorrelationID, "status": "registered",
	}), nil
}

// SetPrompt sets the prompt reference of a batch of the caller.
func (p *Platform) SetPrompt(ctx context.Context, caller domain.Caller, batch domain.BatchID, prompt domain.PromptRef) (ports.Passthrough, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fixed, err := p.fixedReply(ctx); fixed != nil || err != nil {
		return cloneReply(fixed), err
	}
	report, known := p.batches[batch]
	switch {
	case !known:
		return jsonReply(http.StatusNotFound, map[string]any{"error": "Batch not found"}), nil
	case report.Owner != caller.User:
		return jsonReply(http.StatusForbidden, map[string]any{"error": "Batch not owned by user"}), nil
	}
	p.prompts[batch] = &prompt
	return jsonReply(http.StatusOK, map[string]any{"status": "success", "batch_id": batch, "student_prompt_ref": prompt}), nil
}

// fixedReply returns the error of Fail or the reply of SetReply. The caller holds the lock.
func (p *Platform) fixedReply(ctx context.Context) (*ports.Passthrough, error) {
	if err := p.currentError(ctx); err != nil {
		return nil, err
	}
	if p.reply != nil && !json.Valid(p.reply.Body) {
		return nil, domain.MalformedResponse("platform", nil)
	}
	return p.reply, nil
}

// cloneReply returns a copy of a reply, or an empty reply for nil.
func cloneReply(r *ports.Passthrough) ports.Passthrough {
	if r == nil {
		return ports.Passthrough{}
	}
	return ports.Passthrough{Status: r.Status, ContentType: r.ContentType, RetryAfter: r.RetryAfter, Body: bytes.Clone(r.Body)}
}

// jsonReply returns a reply with a JSON document.
func jsonReply(status int, document map[string]any) ports.Passthrough {
	body, err := json.Marshal(document)
	if err != nil { // impossible: strings and prompts can always be encoded
		body = []byte("{}")
	}
	return ports.Passthrough{Status: status, ContentType: "application/json", Body: body}
}
