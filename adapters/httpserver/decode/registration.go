package decode

import (
	"math"

	"github.com/huleedu/edge/domain"
)

// noLimit is the length of a text that only the size of the body bounds.
const noLimit = math.MaxInt

// maxTemperature is the upper bound of a model's temperature.
const maxTemperature = 2

// Registration decodes the body of a registration. It returns one VALIDATION_ERROR,
// answered with 422, that lists the broken rules of the schema.
func Registration(body []byte) (domain.Registration, error) {
	var broken violations
	o, ok := bodyObject(body, &broken, "expected_essay_count", "essay_ids", "course_code", "student_prompt_ref",
		"class_id", "cj_default_llm_model", "cj_default_temperature")
	if !ok {
		return domain.Registration{}, broken.err()
	}
	count, counted := o.positiveInt("expected_essay_count")
	r := domain.Registration{
		EssayCount:  count,
		EssayIDs:    o.stringList("essay_ids"),
		CourseCode:  domain.CourseCode(o.enum("course_code", toStrings(domain.CourseCodes()))),
		PromptRef:   o.promptRef("student_prompt_ref"),
		ClassID:     o.optionalString("class_id", 0, noLimit),
		Model:       o.optionalString("cj_default_llm_model", 0, noLimit),
		Temperature: o.optionalNumber("cj_default_temperature", 0, maxTemperature),
	}
	if counted && r.EssayIDs != nil && count != len(r.EssayIDs) {
		broken.rule(o.path("essay_ids"), "essay_ids must be as many as expected_essay_count says")
	}
	return r, broken.err()
}

// Prompt decodes the body that sets the prompt of a batch. It returns one
// VALIDATION_ERROR, answered with 422, that lists the broken rules of the schema.
func Prompt(body []byte) (domain.PromptRef, error) {
	const key = "student_prompt_ref"
	var broken violations
	o, ok := bodyObject(body, &broken, key)
	if !ok {
		return domain.PromptRef{}, broken.err()
	}
	if _, there := o.members[key]; !there {
		broken.missing(o.path(key))
	}
	ref := o.promptRef(key)
	if err := broken.err(); err != nil {
		return domain.PromptRef{}, err
	}
	if ref == nil {
		broken.rule(o.path(key), "input should be a JSON object")
		return domain.PromptRef{}, broken.err()
	}
	return *ref, nil
}
