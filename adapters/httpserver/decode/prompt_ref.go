package decode

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/huleedu/edge/adapters/internal/jsonmember"
	"github.com/huleedu/edge/domain"
)

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
	for key := range jsonmember.All(raw) {
		name := jsonmember.Text(key)
		if slices.Contains(allowed, name) {
			continue
		}
		o.violations.notInEnum(o.path(name, "[key]"), key, allowed)
		if o.violations.truncated {
			return
		}
	}
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
