// Package requests makes bodies of requests for tests: JSON that costs a careless server
// much memory, and forms of uploads, good and bad.
package requests

import (
	"fmt"
	"runtime"
	"strings"

	"pgregory.net/rapid"

	"github.com/huleedu/edge/test/race"
)

// items returns list items and values of members by which a small body breaks many rules,
// or makes a decoder allocate much.
func items() []string {
	return []string{
		`7`, `0`, `null`, `[]`, `{}`, `""`, `"a"`, `"<"`, `1e999`, `"\ud83d\ude00"`,
		`"` + strings.Repeat(`\ud83d\ude00`, 100) + `"`, `"` + strings.Repeat(`\u0000`, 100) + `"`, `"` + strings.Repeat(`<`, 101) + `"`,
		`[[[[]]]]`, `{"a":{"a":{}}}`,
	}
}

// keys returns names of members.
func keys() []string {
	return []string{
		`""`, `"a"`, `"\u0061"`, `"original_essay"`, `"\u006friginal_essay"`, `"processing_log"`, `"references"`,
		`"` + strings.Repeat("\\u0001", 100) + `"`, `"` + strings.Repeat("å", 101) + `"`, `"` + strings.Repeat(`\ud83d\ude00`, 99) + `"`,
	}
}

// fields returns members for the object around the repeated part.
func fields() []string {
	long := strings.Repeat(`\u0061`, 10_000)
	return []string{
		`"requested_pipeline":"nlp"`, `"requested_pipeline":"` + long + `"`, `"requested_pipeline":[]`, `"batch_id":"` + long + `"`, `"batch_id":7`,
		`"is_retry":"` + long + `"`, `"retry_reason":"` + long + `"`, `"expected_essay_count":1`, `"expected_essay_count":"` + strings.Repeat("1", 10_000) + `"`,
		`"course_code":"ENG5"`, `"course_code":"` + strings.Repeat(`\u0000`, 100) + `"`, `"cj_default_temperature":` + strings.Repeat("1", 10_000),
		`"class_id":[]`, `"cj_default_llm_model":"` + long + `"`, `"student_prompt_ref":{"references":{}}`,
	}
}

// frames returns where the repeated part is: %s is a list, an object or its members.
func frames() []string {
	return []string{
		`{"essay_ids":[%s]`, `{"student_prompt_ref":{"references":{%s}}`, `{"student_prompt_ref":{"references":{"original_essay":{%s}}}`,
		`{"prompt_payload":{"cms_prompt_ref":{"references":{%s}}}`, `{"prompt_payload":{"cms_prompt_ref":{"references":{"processing_log":{%s}}}}`,
		`{"prompt_payload":{%s}`, `{"unknown":{%s}`, `{"unknown":[%s]`, `{%s`, `{"class_id":"%s"`, `[{"a":[%s]}`, `%s`,
	}
}

// HostileJSON draws a JSON body of about size bytes that breaks many rules of a schema.
func HostileJSON(t *rapid.T, size int) []byte {
	frame := rapid.SampledFrom(frames()).Draw(t, "frame")
	part := rapid.SampledFrom(items()).Draw(t, "item")
	if strings.Contains(frame, `{%s`) {
		part = rapid.SampledFrom(keys()).Draw(t, "key") + ":" + part
	}
	if strings.Contains(frame, `"%s`) {
		part = `\u0061`
	}
	parts := strings.TrimSuffix(strings.Repeat(part+",", 1+size/(len(part)+1)), ",")
	more := rapid.SliceOfNDistinct(rapid.SampledFrom(fields()), 0, 4, rapid.ID).Draw(t, "fields")
	body := strings.Join(append([]string{fmt.Sprintf(frame, parts)}, more...), ",")
	if rapid.IntRange(0, 9).Draw(t, "broken") > 0 {
		body += "}"
	}
	return []byte(body)
}

// Allocated returns how many bytes do allocates, freed or not.
func Allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Budget returns how many bytes a program may allocate to refuse or decode a body.
// io.ReadAll allocates about three times the size of a large body, and twice as
// much with the race detector, where append(nil, make(...)...) allocates both slices.
func Budget(body []byte) uint64 {
	factor := uint64(4)
	if race.Enabled {
		factor = 7
	}
	return factor*uint64(len(body)) + 1<<20
}
