package httpserver_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
)

const pipelineWords = `'spellcheck', 'ai_feedback', 'cj_assessment', 'nlp' or 'student_matching'`

// TestSchemaErrors: body -> the list of broken rules, byte for byte.
func TestSchemaErrors(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 501)
	enum := func(input string) string {
		return `{"type":"enum","loc":["body","requested_pipeline"],"msg":"Input should be ` + pipelineWords + `"` + input +
			`,"ctx":{"expected":"` + pipelineWords + `"}}`
	}
	const interpret = "Input should be a valid boolean, unable to interpret input"
	exactlyOne := `[{"type":"value_error","loc":["body","prompt_payload"],"msg":"Value error, exactly one of assignment_id and cms_prompt_ref must be given"}]`
	for body, want := range map[string]string{
		``:                                      `[{"type":"missing","loc":["body"],"msg":"Field required"}]`,
		` null `:                                `[{"type":"missing","loc":["body"],"msg":"Field required"}]`,
		"\v{}":                                  `[{"type":"json_invalid","loc":["body",1],"msg":"JSON decode error"}]`,
		"{}\u00a0":                              `[{"type":"json_invalid","loc":["body",3],"msg":"JSON decode error"}]`,
		`{`:                                     `[{"type":"json_invalid","loc":["body",1],"msg":"JSON decode error"}]`,
		"\"\xff\"":                              `[{"type":"json_invalid","loc":["body",0],"msg":"JSON decode error"}]`,
		`{"a":NaN}`:                             `[{"type":"json_invalid","loc":["body",6],"msg":"JSON decode error"}]`,
		`[]`:                                    `[{"type":"value_error","loc":["body"],"msg":"Value error, input should be a JSON object"}]`,
		`7`:                                     `[{"type":"value_error","loc":["body"],"msg":"Value error, input should be a JSON object"}]`,
		`{}`:                                    `[{"type":"missing","loc":["body","requested_pipeline"],"msg":"Field required"}]`,
		`{"Requested_Pipeline":"nlp"}`:          `[{"type":"missing","loc":["body","requested_pipeline"],"msg":"Field required"}]`,
		`{"requested_pipeline":"x"}`:            `[` + enum(`,"input":"x"`) + `]`,
		`{"requested_pipeline":null}`:           `[` + enum(`,"input":null`) + `]`,
		`{"requested_pipeline":["nlp"]}`:        `[` + enum(``) + `]`,
		`{"requested_pipeline":"` + long + `"}`: `[` + enum(``) + `]`,
		`{"requested_pipeline":"nlp","batch_id":"  "}`: `[{"type":"string_too_short","loc":["body","batch_id"],` +
			`"msg":"String should have at least 1 character","input":"  ","ctx":{"min_length":1}}]`,
		`{"requested_pipeline":"nlp","batch_id":7}`: `[{"type":"string_type","loc":["body","batch_id"],"msg":"Input should be a valid string","input":7}]`,
		`{"requested_pipeline":"nlp","batch_id":"` + long[:256] + `"}`: `[{"type":"string_too_long","loc":["body","batch_id"],` +
			`"msg":"String should have at most 255 characters","ctx":{"max_length":255}}]`,
		`{"requested_pipeline":"nlp","is_retry":"yes"}`: `[{"type":"bool_parsing","loc":["body","is_retry"],"msg":"` + interpret + `","input":"yes"}]`,
		`{"requested_pipeline":"nlp","is_retry":2}`:     `[{"type":"bool_parsing","loc":["body","is_retry"],"msg":"` + interpret + `","input":2}]`,
		`{"requested_pipeline":"nlp","is_retry":[]}`:    `[{"type":"bool_type","loc":["body","is_retry"],"msg":"Input should be a valid boolean"}]`,
		`{"requested_pipeline":"nlp","is_retry":null}`:  `[{"type":"bool_type","loc":["body","is_retry"],"msg":"Input should be a valid boolean","input":null}]`,
		`{"requested_pipeline":"nlp","retry_reason":"` + long + `"}`: `[{"type":"string_too_long","loc":["body","retry_reason"],` +
			`"msg":"String should have at most 500 characters","ctx":{"max_length":500}}]`,
		`{"requested_pipeline":"nlp","prompt_payload":7}`:                                                        `[{"type":"value_error","loc":["body","prompt_payload"],"msg":"Value error, input should be a JSON object"}]`,
		`{"requested_pipeline":"nlp","prompt_payload":{}}`:                                                       exactlyOne,
		`{"requested_pipeline":"nlp","prompt_payload":{"assignment_id":"a","cms_prompt_ref":{"references":{}}}}`: exactlyOne,
		`{"requested_pipeline":"nlp","prompt_payload":{"assignment_id":""}}`: `[{"type":"string_too_short",` +
			`"loc":["body","prompt_payload","assignment_id"],"msg":"String should have at least 1 character","input":"","ctx":{"min_length":1}}]`,
		`{"requested_pipeline":"nlp","prompt_payload":{"cms_prompt_ref":{}}}`: `[{"type":"missing",` +
			`"loc":["body","prompt_payload","cms_prompt_ref","references"],"msg":"Field required"}]`,
		`{"requested_pipeline":"nlp","prompt_payload":{"cms_prompt_ref":{"references":{"processing_log":{"k":1}}}}}`: `[{"type":"string_type",` +
			`"loc":["body","prompt_payload","cms_prompt_ref","references","processing_log","k"],"msg":"Input should be a valid string","input":1}]`,
		`{"is_retry":3,"batch_id":false}`: `[{"type":"string_type","loc":["body","batch_id"],"msg":"Input should be a valid string","input":false},` +
			`{"type":"missing","loc":["body","requested_pipeline"],"msg":"Field required"},` +
			`{"type":"bool_parsing","loc":["body","is_retry"],"msg":"` + interpret + `","input":3}]`,
	} {
		_, err := httpserver.PipelineRequest([]byte(body), "b1")
		require.Error(t, err, body)
		e := domain.As(err)
		assert.Equal(t, domain.ValidationError, e.Code)
		assert.Equal(t, 422, httpserver.StatusOf(e))
		got, err := json.Marshal(e.Details["validation_errors"])
		require.NoError(t, err)
		assert.Equal(t, want, string(got), body)
		assert.Contains(t, want, `"msg":"`+e.Message+`"`)
	}
}

func TestUnknownContentTypesAreNamed(t *testing.T) {
	t.Parallel()
	body := `{"requested_pipeline":"nlp","prompt_payload":{"cms_prompt_ref":{"references":{"` + strings.Repeat("k", 200) + `":{},"odd":{}}}}}`
	_, err := httpserver.PipelineRequest([]byte(body), "b1")
	got, err := json.Marshal(domain.As(err).Details["validation_errors"])
	require.NoError(t, err)
	assert.Contains(t, string(got), `"loc":["body","prompt_payload","cms_prompt_ref","references","odd","[key]"]`)
	assert.NotContains(t, string(got), strings.Repeat("k", 101), "long keys are not repeated whole")
}

func TestSchemaAccepts(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"requested_pipeline":" nlp "}`,
		`{"requested_pipeline":"nlp","batch_id":null,"retry_reason":null,"prompt_payload":null}`,
		`{"requested_pipeline":"x","requested_pipeline":"nlp","retry_reason":""}`,
		`{"requested_pipeline":"nlp","retry_reason":"` + strings.Repeat("å", 500) + `"}`,
		`{"requested_pipeline":"nlp","prompt_payload":{"assignment_id":null,"cms_prompt_ref":{"references":{"student_prompt_text":{"id":" s1 "}}}}}`,
	} {
		r, err := httpserver.PipelineRequest([]byte(body), "b1")
		require.NoError(t, err, body)
		assert.Equal(t, domain.Pipeline("nlp"), r.Pipeline)
		assert.Equal(t, domain.BatchID("b1"), r.Batch)
	}
	r, err := httpserver.PipelineRequest([]byte(`{"requested_pipeline":"nlp","prompt_payload":{"cms_prompt_ref":{"references":{"student_prompt_text":{"id":" s1 "}}}}}`), "b1")
	require.NoError(t, err)
	assert.Equal(t, map[string]map[string]string{"student_prompt_text": {"id": "s1"}}, r.Prompt.CMSPromptRef.References)
	assert.Nil(t, r.Prompt.AssignmentID)
}

// TestRetryFlagTakesFormValues: true, false, 1 and 0, as text or as a number.
func TestRetryFlagTakesFormValues(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		`true`: true, `"true"`: true, `1`: true, `"1"`: true, `" true "`: true, `1.0`: true, `"tru\u0065"`: true,
		`false`: false, `"false"`: false, `0`: false, `"0"`: false,
	} {
		r, err := httpserver.PipelineRequest([]byte(`{"requested_pipeline":"nlp","is_retry":`+value+`}`), "b1")
		require.NoError(t, err, value)
		assert.Equal(t, want, r.IsRetry, value)
	}
	for _, value := range []string{`"True"`, `"yes"`, `"on"`, `""`, `"01"`, `2`, `-1`, `1.5`, `10`} {
		_, err := httpserver.PipelineRequest([]byte(`{"requested_pipeline":"nlp","is_retry":`+value+`}`), "b1")
		assert.Equal(t, "bool_parsing is_retry "+value, violations(t, err))
	}
}

// TestLoneSurrogatesAreRefused: wherever the string stands, also where the
// schema ignores it.
func TestLoneSurrogatesAreRefused(t *testing.T) {
	t.Parallel()
	for _, lone := range []string{
		`\ud800`, `\udfff`, `\uD83D`, `\ude00\ud83d`, `\ud83d\ud83d\ude00`, `\ud83dx`, `\ud83d\n\ude00`, `\ud83d\\ude00`, `\\\ud800`,
	} {
		for _, body := range []string{
			`{"unknown":"` + lone + `"}`, `{"` + lone + `":1}`, `{"unknown":[{"a":["` + lone + `"]}]}`, `{"retry_reason":"a` + lone + `b"}`,
			`{"prompt_payload":{"cms_prompt_ref":{"references":{"student_prompt_text":{"` + lone + `":"x"}}}}}`,
		} {
			for _, err := range decodedByAll(body) {
				require.Equal(t, 422, httpserver.StatusOf(domain.As(err)), body)
				text, _ := json.Marshal(domain.As(err).Details["validation_errors"])
				require.Contains(t, string(text), `[{"type":"json_invalid","loc":["body",`, body)
			}
		}
	}
	for _, good := range []string{`\ud83d\ude00`, `\uD83D\uDE00`, `\\ud800`, `\\\\ud800`, `\u00e5`, `\ud7ff\ue000`} {
		r, err := httpserver.PipelineRequest([]byte(`{"requested_pipeline":"nlp","retry_reason":"`+good+`"}`), "b1")
		require.NoError(t, err, good)
		var want string
		require.NoError(t, json.Unmarshal([]byte(`"`+good+`"`), &want))
		assert.Equal(t, want, *r.RetryReason)
	}
}

// decodedByAll returns what each schema says of a body.
func decodedByAll(body string) []error {
	_, pipeline := httpserver.PipelineRequest([]byte(body), "b1")
	_, registration := httpserver.RegistrationRequest([]byte(body))
	_, prompt := httpserver.PromptRequest([]byte(body))
	return []error{pipeline, registration, prompt}
}

func TestSchemaErrorsOnTheWire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := start(t, w, `{"requested_pipeline":"<x>"}`)
	require.Equal(t, 422, r.StatusCode)
	f := standard(t, r, domain.GatewayService)
	assert.Equal(t, "VALIDATION_ERROR", f.Code)
	assert.Equal(t, "Input should be "+pipelineWords, f.Message)
	assert.Contains(t, r.body, `"input":"<x>"`)
}

func TestListQuery(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]domain.BatchQuery{
		"": {Limit: 20}, "limit=1&offset=7": {Limit: 1, Offset: 7}, "limit=100": {Limit: 100},
		"status=ready": {Limit: 20, Status: domain.Ready}, "limit=5&limit=6": {Limit: 6}, "status=": {Limit: 20}, "status=ready&status=": {Limit: 20}, "other=1": {Limit: 20},
	} {
		values, _ := url.ParseQuery(query)
		got, err := httpserver.BatchQuery(values)
		require.NoError(t, err, query)
		assert.Equal(t, want, got, query)
	}
	for query, want := range map[string]string{
		"limit=0":   `[{"type":"greater_than_equal","loc":["query","limit"],"msg":"Input should be greater than or equal to 1","input":"0","ctx":{"ge":1}}]`,
		"limit=101": `[{"type":"less_than_equal","loc":["query","limit"],"msg":"Input should be less than or equal to 100","input":"101","ctx":{"le":100}}]`,
		"limit=&offset=-1": `[{"type":"int_parsing","loc":["query","limit"],"msg":"Input should be a valid integer, unable to parse string as an integer","input":""},` +
			`{"type":"greater_than_equal","loc":["query","offset"],"msg":"Input should be greater than or equal to 0","input":"-1","ctx":{"ge":0}}]`,
	} {
		values, _ := url.ParseQuery(query)
		_, err := httpserver.BatchQuery(values)
		assert.Equal(t, 422, httpserver.StatusOf(domain.As(err)))
		got, _ := json.Marshal(domain.As(err).Details["validation_errors"])
		assert.Equal(t, want, string(got))
	}
}

func TestListOnTheWire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := call(t, http.MethodGet, w.base+"/v1/batches", "", "Authorization: Bearer u1")
	assert.Equal(t, `{"batches":[],"pagination":{"limit":20,"offset":0,"total":0}}`, r.body)
	for _, id := range []domain.BatchID{"b1", "b2", "b3"} {
		w.platform.AddBatch(id, domain.BatchReport{Owner: "u1", Overall: "ready"})
	}
	r = call(t, http.MethodGet, w.base+"/v1/batches?limit=2&offset=1&status=ready", "", "Authorization: Bearer u1")
	require.Equal(t, 200, r.StatusCode)
	everyAnswer(t, r)
	assert.Equal(t, `{"batches":[{"batch_id":"b2","overall_status":"ready"},{"batch_id":"b3","overall_status":"ready"}],`+
		`"pagination":{"limit":2,"offset":1,"total":3}}`, r.body)
	r = call(t, http.MethodGet, w.base+"/v1/batches?status=READY", "", "Authorization: Bearer u1")
	require.Equal(t, 400, r.StatusCode)
	f := standard(t, r, domain.GatewayService)
	assert.Equal(t, "VALIDATION_ERROR", f.Code)
	assert.Equal(t, "status", f.Details["field"])
	for _, query := range []string{"limit=%zz", "limit=1;offset=2", "limit=5&status=%"} {
		r = call(t, http.MethodGet, w.base+"/v1/batches?"+query, "", "Authorization: Bearer u1")
		require.Equal(t, 400, r.StatusCode, "%s: a question that nobody can read is not the default one", query)
		assert.Equal(t, map[string]any{"field": "query", "expected": "key=value pairs, percent-encoded"}, standard(t, r, domain.GatewayService).Details)
	}
}

func TestStatusIsAProxy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const document = `{ "batch_id" : "b1", "essays": [ 1.50, "\u00e5" ] ,"x":null}`
	w.platform.AddBatch("b1", domain.BatchReport{Owner: "u1", Overall: "processing_pipelines", Document: []byte(document)})
	r := call(t, http.MethodGet, w.base+"/v1/batches/b1/status", "", "Authorization: Bearer u1")
	require.Equal(t, 200, r.StatusCode)
	assert.Equal(t, `{"status":"processing","details":`+document+`}`, r.body)
	r = call(t, http.MethodGet, w.base+"/v1/batches/b3/status", "", "Authorization: Bearer u1")
	require.Equal(t, 404, r.StatusCode)
	f := standard(t, r, domain.GatewayService)
	assert.Equal(t, "batch with ID 'b3' not found", f.Message)
	assert.Equal(t, map[string]any{"resource_type": "batch", "resource_id": "b3"}, f.Details)
}

func FuzzPipelineRequest(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"requested_pipeline":"nlp"}`, `[`, `{"requested_pipeline":"nlp","prompt_payload":{"cms_prompt_ref":{"references":{"processing_log":{"k":"v"}}}}}`,
		`{"batch_id":" b1","is_retry":true,"retry_reason":"x","requested_pipeline":"nlp","prompt_payload":{"assignment_id":"a"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := httpserver.PipelineRequest(body, "b1")
		if err != nil {
			require.Contains(t, []int{400, 422}, httpserver.StatusOf(domain.As(err)))
			_, failed := json.Marshal(domain.As(err).Details)
			require.NoError(t, failed)
			return
		}
		require.True(t, json.Valid(body))
		require.True(t, slices.Contains(domain.Pipelines(), r.Pipeline))
		require.Equal(t, domain.BatchID("b1"), r.Batch)
		if r.Prompt != nil {
			require.NotEqual(t, r.Prompt.AssignmentID == nil, r.Prompt.CMSPromptRef == nil)
		}
	})
}
