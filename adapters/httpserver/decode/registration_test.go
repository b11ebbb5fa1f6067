package decode_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver/decode"
	"github.com/huleedu/edge/adapters/internal/httpreason"
	"github.com/huleedu/edge/domain"
)

func TestRegistrationSchema(t *testing.T) {
	t.Parallel()
	const good = `"expected_essay_count":1,"essay_ids":["e1"],"course_code":"ENG5"`
	for body, want := range map[string]string{
		`{}`: `missing expected_essay_count; missing course_code`,
		``:   `missing `,
		`{`:  `json_invalid 1`,
		`[]`: `value_error `,
		`{"expected_essay_count":0,"essay_ids":["e1"],"course_code":"ENG5"}`:                                       `greater_than expected_essay_count 0 {"gt":0}`,
		`{"expected_essay_count":-1,"essay_ids":["e1"],"course_code":"ENG5"}`:                                      `greater_than expected_essay_count -1 {"gt":0}`,
		`{"expected_essay_count":1.5,"essay_ids":["e1"],"course_code":"ENG5"}`:                                     `int_parsing expected_essay_count 1.5`,
		`{"expected_essay_count":1e99,"essay_ids":["e1"],"course_code":"ENG5"}`:                                    `int_parsing expected_essay_count 1e99`,
		`{"expected_essay_count":1e999,"essay_ids":["e1"],"course_code":"ENG5"}`:                                   `int_parsing expected_essay_count 1e999`,
		`{"expected_essay_count":null,"essay_ids":["e1"],"course_code":"ENG5"}`:                                    `int_parsing expected_essay_count null`,
		`{"expected_essay_count":true,"essay_ids":["e1"],"course_code":"ENG5"}`:                                    `int_parsing expected_essay_count true`,
		`{"expected_essay_count":2,"essay_ids":["e1"],"course_code":"ENG5"}`:                                       `value_error essay_ids`,
		`{"expected_essay_count":1,"essay_ids":[],"course_code":"ENG5"}`:                                           `too_short essay_ids {"actual_length":0,"field_type":"List","min_length":1}`,
		`{"expected_essay_count":10001,"essay_ids":[` + strings.Repeat(`"",`, 10000) + `""],"course_code":"ENG5"}`: `value_error essay_ids`,
		`{"expected_essay_count":1,"essay_ids":"e1","course_code":"ENG5"}`:                                         `value_error essay_ids`,
		`{"expected_essay_count":2,"essay_ids":["e1",2],"course_code":"ENG5"}`:                                     `string_type essay_ids.1 2`,
		`{"expected_essay_count":1,"essay_ids":["e1"],"course_code":"DE1"}`:                                        `enum course_code "DE1" {"expected":"'ENG5', 'ENG6', 'ENG7', 'SV1', 'SV2' or 'SV3'"}`,
		`{` + good + `,"cj_default_temperature":2.1}`:                                                              `less_than_equal cj_default_temperature 2.1 {"le":2}`,
		`{` + good + `,"cj_default_temperature":-0.1}`:                                                             `greater_than_equal cj_default_temperature -0.1 {"ge":0}`,
		`{` + good + `,"cj_default_temperature":"2.1"}`:                                                            `less_than_equal cj_default_temperature "2.1" {"le":2}`,
		`{` + good + `,"cj_default_temperature":"warm"}`:                                                           `float_parsing cj_default_temperature "warm"`,
		`{` + good + `,"cj_default_temperature":false}`:                                                            `float_parsing cj_default_temperature false`,
		`{` + good + `,"cj_default_temperature":[1]}`:                                                              `float_parsing cj_default_temperature`,
		`{` + good + `,"cj_default_temperature":1e999}`:                                                            `float_parsing cj_default_temperature 1e999`,
		`{` + good + `,"class_id":1,"cj_default_llm_model":{}}`:                                                    `string_type class_id 1; string_type cj_default_llm_model`,
		`{` + good + `,"student_prompt_ref":{}}`:                                                                   `missing student_prompt_ref.references`,
		`{` + good + `,"student_prompt_ref":{"references":{"odd":{}}}}`:                                            `enum student_prompt_ref.references.odd.[key] "odd"`,
		`{` + good + `,"student_prompt_ref":{"references":{"student_prompt_text":{"k":1}}}}`:                       `string_type student_prompt_ref.references.student_prompt_text.k 1`,
	} {
		_, err := decode.Registration([]byte(body))
		require.Truef(t, strings.HasPrefix(violations(t, err), want), "%s: %s", body, violations(t, err))
	}
}

// TestRegistrationAcceptsFormValues checks values as text, and bodies without essay ids.
func TestRegistrationAcceptsFormValues(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"expected_essay_count":"25","course_code":"ENG5","cj_default_temperature":"0.5"}`,
		`{"expected_essay_count":" 25 ","essay_ids":null,"course_code":"ENG5","cj_default_temperature":" 0.50 "}`,
		`{"expected_essay_count":"25.0","course_code":"ENG5","cj_default_temperature":0.5}`,
		`{"expected_essay_count":25,"course_code":"ENG5","cj_default_temperature":"\u0030.5"}`,
	} {
		r, err := decode.Registration([]byte(body))
		require.NoError(t, err, body)
		require.Equal(t, domain.Registration{EssayCount: 25, CourseCode: "ENG5", Temperature: new(0.5)}, r, body)
	}
	for _, text := range []string{``, `x`, `1e1`, `0x10`, `+3`, `1_000`, `1,5`, `.5`, `5.`, `-`, `.`, `--1`, `1 2`, `Infinity`, `NaN`, `٣`, `1\u0000`} {
		_, err := decode.Registration([]byte(`{"expected_essay_count":"` + text + `","course_code":"ENG5","cj_default_temperature":"` + text + `"}`))
		require.Equal(t, `int_parsing expected_essay_count "`+text+`"; float_parsing cj_default_temperature "`+text+`"`, violations(t, err))
	}
	for _, text := range []string{"0", "-1", "0.0"} {
		_, err := decode.Registration([]byte(`{"expected_essay_count":"` + text + `","course_code":"ENG5"}`))
		require.Equal(t, `greater_than expected_essay_count "`+text+`" {"gt":0}`, violations(t, err))
	}
}

func TestPromptSchema(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{}`:                          `missing student_prompt_ref`,
		`{"student_prompt_ref":null}`: `value_error student_prompt_ref`,
		`{"student_prompt_ref":[]}`:   `value_error student_prompt_ref`,
		`{"student_prompt_ref":{"references":null}}`: `value_error student_prompt_ref.references`,
		`null`: `missing `,
	} {
		_, err := decode.Prompt([]byte(body))
		require.Equal(t, want, violations(t, err), body)
	}
	ref, err := decode.Prompt([]byte(`{"student_prompt_ref":{"references":{}}}`))
	require.NoError(t, err)
	require.Equal(t, domain.PromptRef{References: map[string]map[string]string{}}, ref)
}

// violations returns the violations of an error as text: type, location, input and context.
func violations(t *testing.T, err error) string {
	t.Helper()
	require.Equal(t, httpreason.SchemaViolation, domain.As(err).Reason, err)
	text, err := json.Marshal(domain.As(err).Details["validation_errors"])
	require.NoError(t, err)
	var list []struct {
		Type  string
		Loc   []any
		Input json.RawMessage
		Ctx   json.RawMessage
	}
	require.NoError(t, json.Unmarshal(text, &list))
	lines := make([]string, 0, len(list))
	for _, v := range list {
		require.Equal(t, "body", v.Loc[0])
		at := make([]string, 0, len(v.Loc))
		for _, key := range v.Loc[1:] {
			word, err := json.Marshal(key)
			require.NoError(t, err)
			at = append(at, strings.Trim(string(word), `"`))
		}
		line := v.Type + " " + strings.Join(at, ".")
		for _, more := range []json.RawMessage{v.Input, v.Ctx} {
			if more != nil {
				line += " " + string(more)
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

// FuzzRegistration checks that an accepted body keeps every rule and that its encoding is
// accepted with the same result.
func FuzzRegistration(f *testing.F) {
	f.Add([]byte(`{"expected_essay_count":2,"essay_ids":["a","b"],"course_code":"ENG5","cj_default_temperature":1e0}`))
	f.Add([]byte(`{"expected_essay_count":1e0,"essay_ids":[""],"course_code":"SV1","student_prompt_ref":{"references":{"student_prompt_text":{"a":"b"}}}}`))
	f.Add([]byte(`{"expected_essay_count":-0,"essay_ids":[null],"course_code":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := decode.Registration(body)
		if err != nil {
			require.Equal(t, httpreason.SchemaViolation, domain.As(err).Reason)
			return
		}
		require.Positive(t, r.EssayCount)
		if r.EssayIDs != nil {
			require.Len(t, r.EssayIDs, r.EssayCount)
		}
		require.Contains(t, domain.CourseCodes(), r.CourseCode)
		again := map[string]any{
			"expected_essay_count": r.EssayCount, "essay_ids": r.EssayIDs, "course_code": r.CourseCode, "student_prompt_ref": r.PromptRef,
			"class_id": r.ClassID, "cj_default_llm_model": r.Model, "cj_default_temperature": r.Temperature,
		}
		if r.Temperature != nil {
			require.True(t, *r.Temperature >= 0 && *r.Temperature <= 2)
		}
		text, err := json.Marshal(again)
		require.NoError(t, err)
		second, err := decode.Registration(text)
		require.NoError(t, err)
		require.Equal(t, r, second)
	})
}

func TestEveryContentTypeIsAccepted(t *testing.T) {
	t.Parallel()
	for _, content := range []string{
		"original_essay", "corrected_text", "processing_log", "nlp_metrics_json", "student_facing_ai_feedback_text", "ai_editor_revision_text",
		"ai_detailed_analysis_json", "grammar_analysis_json", "cj_results_json", "raw_upload_blob", "extracted_plaintext", "student_prompt_text",
	} {
		ref, err := decode.Prompt([]byte(`{"student_prompt_ref":{"references":{"` + content + `":{"k":"v"}}}}`))
		require.NoError(t, err, content)
		require.Equal(t, map[string]map[string]string{content: {"k": "v"}}, ref.References)
	}
}
