package decode

import (
	"github.com/huleedu/edge/domain"
)

// A field over its limit is a validation error.
const (
	// MaxBatchID is the maximum length of the id of a batch, in characters.
	MaxBatchID = 255
	// maxRetryReason is the maximum length of "retry_reason", in characters.
	maxRetryReason = 500
	// maxAssignmentID is the maximum length of "assignment_id", in characters.
	maxAssignmentID = 100
)

// PipelineRequest decodes the body of a pipeline request for the batch that the
// path names. Every broken rule of the schema is reported at once.
func PipelineRequest(body []byte, batch domain.BatchID) (domain.PipelineRequest, error) {
	var broken violations
	o, ok := bodyObject(body, &broken, "batch_id", "requested_pipeline", "is_retry", "retry_reason", "prompt_payload")
	if !ok {
		return domain.PipelineRequest{}, broken.err()
	}
	named := o.optionalString("batch_id", 1, MaxBatchID)
	r := domain.PipelineRequest{
		Batch:       batch,
		Pipeline:    domain.Pipeline(o.enum("requested_pipeline", toStrings(domain.Pipelines()))),
		IsRetry:     o.boolean("is_retry"),
		RetryReason: o.optionalString("retry_reason", 0, maxRetryReason),
		Prompt:      o.promptPayload("prompt_payload"),
	}
	if err := broken.err(); err != nil {
		return domain.PipelineRequest{}, err
	}
	if named != nil && *named != string(batch) {
		return domain.PipelineRequest{}, domain.Invalid("batch_id", *named, string(batch),
			"Batch ID in path must match batch ID in request body")
	}
	return r, nil
}

// promptPayload reads an optional prompt: an assignment or a reference, not both and
// not none.
func (o object) promptPayload(key string) *domain.PromptPayload {
	raw := o.value(key)
	if raw == nil {
		return nil
	}
	p, ok := parseMembers(raw, o.path(key), o.violations, "assignment_id", "cms_prompt_ref")
	if !ok {
		return nil
	}
	if (p.value("assignment_id") == nil) == (p.value("cms_prompt_ref") == nil) {
		o.violations.rule(p.at, "exactly one of assignment_id and cms_prompt_ref must be given")
		return nil
	}
	return &domain.PromptPayload{
		AssignmentID: p.optionalString("assignment_id", 1, maxAssignmentID),
		CMSPromptRef: p.promptRef("cms_prompt_ref"),
	}
}
