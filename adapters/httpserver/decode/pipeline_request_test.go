package decode_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver/decode"
	"github.com/huleedu/edge/adapters/internal/httpreason"
	"github.com/huleedu/edge/domain"
)

const pipelineWords = `'spellcheck', 'ai_feedback', 'cj_assessment', 'nlp' or 'student_matching'`

// TestSchemaErrors checks the list of violations for each body, unchanged.
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
		_, err := decode.PipelineRequest([]byte(body), "b1")
		require.Error(t, err, body)
		e := domain.As(err)
		assert.Equal(t, domain.ValidationError, e.Code)
		assert.Equal(t, httpreason.SchemaViolation, e.Reason)
		got, err := json.Marshal(e.Details["validation_errors"])
		require.NoError(t, err)
		assert.Equal(t, want, string(got), body)
		assert.Contains(t, want, `"msg":"`+e.Message+`"`)
	}
}

func TestUnknownContentTypesAreNamed(t *testing.T) {
	t.Parallel()
	body := `{"requested_pipeline":"nlp","prompt_payload":{"cms_prompt_ref":{"references":{"` + strings.Repeat("k", 200) + `":{},"odd":{}}}}}`
	_, err := decode.PipelineRequest([]byte(body), "b1")
	got, err := json.Marshal(domain.As(err).Details["validation_errors"])
	require.NoError(t, err)
	assert.Contains(t, string(got), `"loc":["body","prompt_payload","cms_prompt_ref","references","odd","[key]"]`)
	assert.NotContains(t, string(got), strings.Repeat("k", 101), "long keys are truncated")
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
		r, err := decode.PipelineRequest([]byte(body), "b1")
		require.NoError(t, err, body)
		assert.Equal(t, domain.Pipeline("nlp"), r.Pipeline)
		assert.Equal(t, domain.BatchID("b1"), r.Batch)
	}
	r, err := decode.PipelineRequest([]byte(`{"requested_pipeline":"nlp","prompt_payload":{"cms_prompt_ref":{"references":{"student_prompt_text":{"id":" s1 "}}}}}`), "b1")
	require.NoError(t, err)
	assert.Equal(t, map[string]map[string]string{"student_prompt_text": {"id": "s1"}}, r.Prompt.CMSPromptRef.References)
	assert.Nil(t, r.Prompt.AssignmentID)
}

// TestRetryFlagAcceptsFormValues checks true, false, 1 and 0, as text and as numbers.
func TestRetryFlagAcceptsFormValues(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		`true`: true, `"true"`: true, `1`: true, `"1"`: true, `" true "`: true, `1.0`: true, `"tru\u0065"`: true,
		`false`: false, `"false"`: false, `0`: false, `"0"`: false,
	} {
		r, err := decode.PipelineRequest([]byte(`{"requested_pipeline":"nlp","is_retry":`+value+`}`), "b1")
		require.NoError(t, err, value)
		assert.Equal(t, want, r.IsRetry, value)
	}
	for _, value := range []string{`"True"`, `"yes"`, `"on"`, `""`, `"01"`, `2`, `-1`, `1.5`, `10`} {
		_, err := decode.PipelineRequest([]byte(`{"requested_pipeline":"nlp","is_retry":`+value+`}`), "b1")
		assert.Equal(t, "bool_parsing is_retry "+value, violations(t, err))
	}
}

// TestLoneSurrogatesAreRefused checks strings in known and unknown members.
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
				require.Equal(t, httpreason.SchemaViolation, domain.As(err).Reason, body)
				text, _ := json.Marshal(domain.As(err).Details["validation_errors"])
				require.Contains(t, string(text), `[{"type":"json_invalid","loc":["body",`, body)
			}
		}
	}
	for _, good := range []string{`\ud83d\ude00`, `\uD83D\uDE00`, `\\ud800`, `\\\\ud800`, `\u00e5`, `\ud7ff\ue000`} {
		r, err := decode.PipelineRequest([]byte(`{"requested_pipeline":"nlp","retry_reason":"`+good+`"}`), "b1")
		require.NoError(t, err, good)
		var want string
		require.NoError(t, json.Unmarshal([]byte(`"`+good+`"`), &want))
		assert.Equal(t, want, *r.RetryReason)
	}
}

// decodedByAll returns the error of each schema for a body.
func decodedByAll(body string) []error {
	_, pipeline := decode.PipelineRequest([]byte(body), "b1")
	_, registration := decode.Registration([]byte(body))
	_, prompt := decode.Prompt([]byte(body))
	return []error{pipeline, registration, prompt}
}

func FuzzPipelineRequest(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"requested_pipeline":"nlp"}`, `[`, `{"requested_pipeline":"nlp","prompt_payload":{"cms_prompt_ref":{"references":{"processing_log":{"k":"v"}}}}}`,
		`{"batch_id":" b1","is_retry":true,"retry_reason":"x","requested_pipeline":"nlp","prompt_payload":{"assignment_id":"a"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := decode.PipelineRequest(body, "b1")
		if err != nil {
			require.Equal(t, domain.ValidationError, domain.CodeOf(err))
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
