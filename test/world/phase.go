package world

import "github.com/huleedu/edge/domain"

// phase is one step of a pipeline.
type phase string

// The phases of all pipelines.
const (
	phaseSpellcheck phase = "spellcheck"
	phaseNLP        phase = "nlp"
	phaseCJ         phase = "cj_assessment"
	phaseFeedback   phase = "ai_feedback"
	phaseMatching   phase = "student_matching"
)

// phasesOf returns the phases of a pipeline in order; nil for an unknown pipeline.
func phasesOf(p domain.Pipeline) []phase {
	switch p {
	case "spellcheck":
		return []phase{phaseSpellcheck}
	case "nlp":
		return []phase{phaseSpellcheck, phaseNLP}
	case "cj_assessment":
		return []phase{phaseSpellcheck, phaseCJ}
	case "ai_feedback":
		return []phase{phaseSpellcheck, phaseNLP, phaseFeedback}
	case "student_matching":
		return []phase{phaseMatching}
	default:
		return nil
	}
}

// price returns the cost of a phase in credits per essay.
func (p phase) price() int {
	switch p {
	case phaseCJ:
		return 2
	case phaseFeedback:
		return 1
	default:
		return 0
	}
}

// notificationType returns the notification type for the end of the phase. It is empty for a
// phase that has only a direct message.
func (p phase) notificationType() string {
	switch p {
	case phaseSpellcheck:
		return "batch_spellcheck_completed"
	case phaseNLP:
		return "batch_nlp_completed"
	case phaseCJ:
		return "batch_cj_assessment_completed"
	case phaseMatching:
		return "student_associations_confirmed"
	default:
		return ""
	}
}
