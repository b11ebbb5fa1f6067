package httpserver

import (
	"math"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

// register sends a registration to the orchestrator and passes its answer on.
func (g *gateway) register(c *gin.Context) error {
	body, err := readJSON(c.Request, g.maxBody)
	if err != nil {
		return err
	}
	registration, err := registrationRequest(body)
	if err != nil {
		return err
	}
	reply, err := g.Registrations.Register(c.Request.Context(), requestStateOf(c).caller, registration)
	if err != nil {
		return err
	}
	g.writeReply(c, reply)
	return nil
}

// setPrompt sends a batch's prompt to the orchestrator and passes its answer on.
func (g *gateway) setPrompt(c *gin.Context) error {
	id, err := batchID(c)
	if err != nil {
		return err
	}
	body, err := readJSON(c.Request, g.maxBody)
	if err != nil {
		return err
	}
	prompt, err := promptRequest(body)
	if err != nil {
		return err
	}
	reply, err := g.Registrations.SetPrompt(c.Request.Context(), requestStateOf(c).caller, id, prompt)
	if err != nil {
		return err
	}
	g.writeReply(c, reply)
	return nil
}

// noLimit is for texts that only the size of the body bounds.
const noLimit = math.MaxInt

// maxTemperature is the upper bound of a model's temperature.
const maxTemperature = 2

// registrationRequest reads the body of a registration. Every broken rule of
// the schema is reported at once.
func registrationRequest(body []byte) (domain.Registration, error) {
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

// promptRequest reads the body of a prompt.
func promptRequest(body []byte) (domain.PromptRef, error) {
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
