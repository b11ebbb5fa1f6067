package httpserver_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

func TestSchemaErrorsOnTheWire(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	r := startPipeline(t, w, `{"requested_pipeline":"<x>"}`)
	f := requireError(t, r, 422, "VALIDATION_ERROR")
	assert.Equal(t, "Input should be 'spellcheck', 'ai_feedback', 'cj_assessment', 'nlp' or 'student_matching'", f.Message)
	assert.Contains(t, r.body, `"input":"<x>"`)
}

func TestListOnTheWire(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	r := call(t, http.MethodGet, w.base+"/v1/batches", "", "Authorization: Bearer u1")
	assert.Equal(t, `{"batches":[],"pagination":{"limit":20,"offset":0,"total":0}}`, r.body)
	for _, id := range []domain.BatchID{"b1", "b2", "b3"} {
		w.platform.AddBatch(id, domain.BatchReport{Owner: "u1", Overall: "ready"})
	}
	r = call(t, http.MethodGet, w.base+"/v1/batches?limit=2&offset=1&status=ready", "", "Authorization: Bearer u1")
	require.Equal(t, 200, r.StatusCode)
	requireCommonHeaders(t, r)
	assert.Equal(t, `{"batches":[{"batch_id":"b2","overall_status":"ready"},{"batch_id":"b3","overall_status":"ready"}],`+
		`"pagination":{"limit":2,"offset":1,"total":3}}`, r.body)
	r = call(t, http.MethodGet, w.base+"/v1/batches?status=READY", "", "Authorization: Bearer u1")
	f := requireError(t, r, 400, "VALIDATION_ERROR")
	assert.Equal(t, "status", f.Details["field"])
	for _, query := range []string{"limit=%zz", "limit=1;offset=2", "limit=5&status=%"} {
		r = call(t, http.MethodGet, w.base+"/v1/batches?"+query, "", "Authorization: Bearer u1")
		f = requireError(t, r, 400, domain.ValidationError)
		assert.Equal(t, map[string]any{"field": "query", "expected": "key=value pairs, percent-encoded"}, f.Details)
	}
}

// TestStatusForwardsTheDocument checks documents that an encoder would compact, escape or reorder.
func TestStatusForwardsTheDocument(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for _, document := range []string{
		`{ "batch_id" : "b1", "essays": [ 1.50, "\u00e5" ] ,"x":null}`,
		"{ \"b\" : 1.50,\t\"a\":\n [ ] }", `{"html":"<b>&'</b>","\u0061":"\u00e5å\/","sep":"` + "\u2028" + `"}`,
		`{"n":123456789012345678901234567890,"e":1E+2,"a":1,"a":2}`, "{}\r\n", ` {}`,
	} {
		w.platform.AddBatch("b1", domain.BatchReport{Owner: "u1", Overall: "processing_pipelines", Document: []byte(document)})
		r := call(t, http.MethodGet, w.base+"/v1/batches/b1/status", "", "Authorization: Bearer u1")
		require.Equal(t, 200, r.StatusCode)
		assert.Equal(t, `{"status":"processing","details":`+document+`}`, r.body)
	}
	r := call(t, http.MethodGet, w.base+"/v1/batches/b3/status", "", "Authorization: Bearer u1")
	f := requireError(t, r, 404, domain.ResourceNotFound)
	assert.Equal(t, "batch with ID 'b3' not found", f.Message)
	assert.Equal(t, map[string]any{"resource_type": "batch", "resource_id": "b3"}, f.Details)
}

const promptRef = `{"references":{"student_prompt_text":{"storage_id":" p1 "}}}`

func TestRegistrationIsForwarded(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	r := call(t, "POST", w.base+"/v1/batches/register", `{"expected_essay_count":2,"essay_ids":[" e1 ","e2"],"course_code":" ENG5 ","unknown":1,`+
		`"student_prompt_ref":`+promptRef+`,"class_id":" c1 ","cj_default_llm_model":"m","cj_default_temperature":0.5,"assignment_id":"theirs","user_id":"u2"}`, bearer)
	require.Equal(t, 202, r.StatusCode, r.body)
	requireCommonHeaders(t, r)
	assert.JSONEq(t, `{"batch_id":"batch-registered-1","correlation_id":"`+r.Header.Get("X-Correlation-ID")+`","status":"registered"}`, r.body)
	ref := domain.PromptRef{References: map[string]map[string]string{"student_prompt_text": {"storage_id": "p1"}}}
	assert.Equal(t, []domain.Registration{{
		EssayCount: 2, EssayIDs: []string{"e1", "e2"}, CourseCode: "ENG5", PromptRef: &ref, ClassID: new("c1"), Model: new("m"), Temperature: new(0.5),
	}}, w.platform.Registered())

	r = call(t, "PATCH", w.base+"/v1/batches/batch-registered-1/prompt", `{"student_prompt_ref":`+promptRef+`}`, bearer)
	require.Equal(t, 200, r.StatusCode, r.body)
	assert.JSONEq(t, `{"status":"success","batch_id":"batch-registered-1","student_prompt_ref":{"references":{"student_prompt_text":{"storage_id":"p1"}}}}`, r.body)
	assert.Equal(t, &ref, w.platform.Prompt("batch-registered-1"))

	r = call(t, "PATCH", w.base+"/v1/batches/batch-registered-1/prompt", `{"student_prompt_ref":`+promptRef+`}`, "Authorization: Bearer u2")
	require.Equal(t, 403, r.StatusCode, "the owner is the caller, not the user id in the body")
	assert.JSONEq(t, `{"error":"Batch not owned by user"}`, r.body)
}

func TestRegistrationWithoutOptionalMembers(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for _, body := range []string{
		`{"expected_essay_count":1,"essay_ids":["e1"],"course_code":"SV3"}`,
		`{"expected_essay_count":1.0,"essay_ids":["e1"],"course_code":"SV3","student_prompt_ref":null,"class_id":null,"cj_default_llm_model":null,"cj_default_temperature":null}`,
	} {
		require.Equal(t, 202, call(t, "POST", w.base+"/v1/batches/register", body, bearer).StatusCode)
	}
	for _, registered := range w.platform.Registered() {
		require.Equal(t, domain.Registration{EssayCount: 1, EssayIDs: []string{"e1"}, CourseCode: "SV3"}, registered)
	}
}

// TestAnswersOfTheOrchestratorAreForwarded checks status, media type and every byte.
func TestAnswersOfTheOrchestratorAreForwarded(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for _, status := range []int{200, 201, 400, 402, 403, 404, 409, 422, 429, 500, 503} {
		w.platform.SetReply(ports.Passthrough{Status: status, ContentType: "application/problem+json", Body: []byte(`{ "their":"own" }`)})
		for _, r := range []reply{
			call(t, "POST", w.base+"/v1/batches/register", `{"expected_essay_count":1,"essay_ids":["e1"],"course_code":"SV3"}`, bearer),
			call(t, "PATCH", w.base+"/v1/batches/b1/prompt", `{"student_prompt_ref":`+promptRef+`}`, bearer),
		} {
			require.Equal(t, status, r.StatusCode)
			require.Equal(t, `{ "their":"own" }`, r.body)
			require.Equal(t, "application/problem+json", r.Header.Get("Content-Type"))
			requireCommonHeaders(t, r)
		}
	}
	w.platform.SetReply(ports.Passthrough{Status: 200, Body: []byte("<html>")})
	r := call(t, "PATCH", w.base+"/v1/batches/b1/prompt", `{"student_prompt_ref":`+promptRef+`}`, bearer)
	requireError(t, r, 502, "INVALID_RESPONSE")
}
