package httpserver

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/huleedu/edge/domain"
)

// Bounds of the request's fields, in characters.
const (
	maxBatchID      = 255
	maxRetryReason  = 500
	maxAssignmentID = 100
)

// pipelineRequest reads the body of a pipeline request for the batch that the
// path names. Every broken rule of the schema is reported at once.
func pipelineRequest(body []byte, batch domain.BatchID) (domain.PipelineRequest, error) {
	var broken violations
	o, ok := bodyObject(body, &broken, "batch_id", "requested_pipeline", "is_retry", "retry_reason", "prompt_payload")
	if !ok {
		return domain.PipelineRequest{}, broken.err()
	}
	named := o.optionalString("batch_id", 1, maxBatchID)
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

// toStrings turns named strings into plain ones.
func toStrings[T ~string](named []T) []string {
	out := make([]string, 0, len(named))
	for _, w := range named {
		out = append(out, string(w))
	}
	return out
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

// promptRef reads an optional reference to stored content.
func (o object) promptRef(key string) *domain.PromptRef {
	raw := o.value(key)
	if raw == nil {
		return nil
	}
	ref, ok := parseMembers(raw, o.path(key), o.violations, "references")
	if !ok {
		return nil
	}
	inner, there := ref.members["references"]
	if !there {
		o.violations.missing(ref.path("references"))
		return nil
	}
	byType, ok := parseMembers(inner, ref.path("references"), o.violations, contentTypes()...)
	if !ok {
		return nil
	}
	byType.rejectUnknownKeys(inner, contentTypes())
	out := make(map[string]map[string]string, len(byType.members))
	for _, kind := range slices.Sorted(maps.Keys(byType.members)) {
		out[kind] = byType.stringMap(kind)
	}
	return &domain.PromptRef{References: out}
}

// rejectUnknownKeys adds a violation for every key that is not allowed.
func (o object) rejectUnknownKeys(raw json.RawMessage, allowed []string) {
	eachMember(raw, func(key, _ json.RawMessage) bool {
		if matchKey(key, allowed) != "" {
			return true
		}
		o.violations.notInEnum(o.path(unquoted(key), "[key]"), key, allowed)
		return !o.violations.truncated
	})
}

// contentTypes are what stored content can be.
func contentTypes() []string {
	return []string{
		"original_essay", "corrected_text", "processing_log", "nlp_metrics_json",
		"student_facing_ai_feedback_text", "ai_editor_revision_text", "ai_detailed_analysis_json",
		"grammar_analysis_json", "cj_results_json", "raw_upload_blob", "extracted_plaintext",
		"student_prompt_text",
	}
}
