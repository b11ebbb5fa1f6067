package httpserver_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
)

// maxErrorAnswer bounds an error answer, in bytes.
const maxErrorAnswer = 64 << 10

// hostileItems are list items and object members by which a small body breaks
// many rules, or makes a decoder hold much.
func hostileItems() []string {
	return []string{
		`7`, `0`, `null`, `[]`, `{}`, `""`, `"a"`, `"<"`, `1e999`, `"\ud83d\ude00"`,
		`"` + strings.Repeat(`\ud83d\ude00`, 100) + `"`, `"` + strings.Repeat(`\u0000`, 100) + `"`, `"` + strings.Repeat(`<`, 101) + `"`,
		`[[[[]]]]`, `{"a":{"a":{}}}`,
	}
}

func hostileKeys() []string {
	return []string{
		`""`, `"a"`, `"\u0061"`, `"original_essay"`, `"\u006friginal_essay"`, `"processing_log"`, `"references"`,
		`"` + strings.Repeat("\\u0001", 100) + `"`, `"` + strings.Repeat("å", 101) + `"`, `"` + strings.Repeat(`\ud83d\ude00`, 99) + `"`,
	}
}

// hostileFields are members that stand beside the repeated part.
func hostileFields() []string {
	long := strings.Repeat(`\u0061`, 10_000)
	return []string{
		`"requested_pipeline":"nlp"`, `"requested_pipeline":"` + long + `"`, `"requested_pipeline":[]`, `"batch_id":"` + long + `"`, `"batch_id":7`,
		`"is_retry":"` + long + `"`, `"retry_reason":"` + long + `"`, `"expected_essay_count":1`, `"expected_essay_count":"` + strings.Repeat("1", 10_000) + `"`,
		`"course_code":"ENG5"`, `"course_code":"` + strings.Repeat(`\u0000`, 100) + `"`, `"cj_default_temperature":` + strings.Repeat("1", 10_000),
		`"class_id":[]`, `"cj_default_llm_model":"` + long + `"`, `"student_prompt_ref":{"references":{}}`,
	}
}

// hostileFrames say where the repeated part stands: %s is a list, an object or
// its members.
func hostileFrames() []string {
	return []string{
		`{"essay_ids":[%s]`, `{"student_prompt_ref":{"references":{%s}}`, `{"student_prompt_ref":{"references":{"original_essay":{%s}}}`,
		`{"prompt_payload":{"cms_prompt_ref":{"references":{%s}}}`, `{"prompt_payload":{"cms_prompt_ref":{"references":{"processing_log":{%s}}}}`,
		`{"prompt_payload":{%s}`, `{"unknown":{%s}`, `{"unknown":[%s]`, `{%s`, `{"class_id":"%s"`, `[{"a":[%s]}`, `%s`,
	}
}

// hostileBody draws a body of at most size bytes or so.
func hostileBody(t *rapid.T, size int) []byte {
	frame := rapid.SampledFrom(hostileFrames()).Draw(t, "frame")
	part := rapid.SampledFrom(hostileItems()).Draw(t, "item")
	if strings.Contains(frame, `{%s`) {
		part = rapid.SampledFrom(hostileKeys()).Draw(t, "key") + ":" + part
	}
	if strings.Contains(frame, `"%s`) {
		part = `\u0061`
	}
	parts := strings.TrimSuffix(strings.Repeat(part+",", 1+size/(len(part)+1)), ",")
	out := fmt.Sprintf(frame, parts)
	for _, field := range rapid.SliceOfNDistinct(rapid.SampledFrom(hostileFields()), 0, 4, rapid.ID).Draw(t, "fields") {
		out += "," + field
	}
	if rapid.IntRange(0, 9).Draw(t, "broken") > 0 {
		out += "}"
	}
	return []byte(out)
}

// allocated returns how many bytes do allocates, freed or not.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// budget is what a body may cost, in bytes.
func budget(body []byte) uint64 { return 4*uint64(len(body)) + 1<<20 }

// TestNoBodyCostsMuch: whatever the body, decoding it by any schema stays within
// its budget, and what is wrong with it fits into an answer. It is not parallel,
// because it counts what the process allocates.
func TestNoBodyCostsMuch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := hostileBody(t, 1<<rapid.IntRange(4, 20).Draw(t, "bits"))
		for name, decode := range map[string]func() error{
			"pipeline":     func() error { _, err := httpserver.PipelineRequest(body, "b1"); return err },
			"registration": func() error { _, err := httpserver.RegistrationRequest(body); return err },
			"prompt":       func() error { _, err := httpserver.PromptRequest(body); return err },
		} {
			var err error
			cost := allocated(func() { err = decode() })
			require.LessOrEqual(t, cost, budget(body), "%s, a body of %d bytes", name, len(body))
			if err != nil {
				requireBounded(t, domain.As(err))
			}
		}
	})
}

func requireBounded(t require.TestingT, e *domain.Error) {
	text, err := json.Marshal(e.Details)
	require.NoError(t, err)
	require.LessOrEqual(t, len(text)+len(e.Message), maxErrorAnswer)
	var details struct {
		Broken    []json.RawMessage `json:"validation_errors"`
		Truncated bool
	}
	require.NoError(t, json.Unmarshal(text, &details))
	require.LessOrEqual(t, len(details.Broken), 50)
	require.LessOrEqual(t, strings.Count(string(text), `"expected":"'original_essay'`), 1, "a list of allowed values stands there once")
}

// TestNoErrorAnswerGrows sends hostile requests to every route: paths, queries,
// headers and bodies. No error answer exceeds 64 KiB and none of the routes that
// read a whole body exceeds the body's budget.
func TestNoErrorAnswerGrows(t *testing.T) {
	w := newWorld(t)
	handler := w.Handler()
	targets := w.Routes()
	rapid.Check(t, func(t *rapid.T) {
		route := rapid.SampledFrom(targets).Draw(t, "route")
		body := hostileBody(t, 1<<rapid.IntRange(4, 20).Draw(t, "bits"))
		request := httptest.NewRequest(route.Method, hostileTarget(t, route.Path), bytes.NewReader(body))
		request.Header.Set("Authorization", "Bearer u1")
		request.Header.Set("Content-Type", rapid.SampledFrom([]string{
			"application/json", "multipart/form-data; boundary=x", "multipart/form-data; boundary=" + strings.Repeat("x", 9000), "text/" + strings.Repeat("x", 9000),
		}).Draw(t, "type"))
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
			"Idempotency-Key", "X-Correlation-ID", "Origin", "Traceparent", "Access-Control-Request-Method", "Content-Encoding", "Upgrade", "Expect",
		}), 0, 2, rapid.ID).Draw(t, "headers") {
			request.Header.Set(name, rapid.SampledFrom([]string{"x", strings.Repeat("<", 9000)}).Draw(t, "value"))
		}
		answer := httptest.NewRecorder()
		cost := allocated(func() {
			defer func() { // a cut connection is no answer
				cut := recover()
				if err, is := cut.(error); cut != nil && (!is || !errors.Is(err, http.ErrAbortHandler)) {
					panic(cut)
				}
			}()
			handler.ServeHTTP(answer, request)
		})
		if answer.Code >= 400 {
			require.LessOrEqual(t, answer.Body.Len(), maxErrorAnswer, answer.Body.String()[:200])
			require.LessOrEqual(t, cost, budget(body), "%s %s, a body of %d bytes: %d", route.Method, route.Path, len(body), answer.Code)
		}
	})
}

// hostileTarget fills a route's template and adds a query.
func hostileTarget(t *rapid.T, path string) string {
	id := rapid.SampledFrom([]string{"b1", strings.Repeat("%F0%9F%98%80", 255), strings.Repeat("a", 9000), "..", "%00", strings.Repeat("%3C", 255)}).Draw(t, "id")
	for _, name := range []string{"{batch_id}", "{path}"} {
		path = strings.ReplaceAll(path, name, id)
	}
	query := rapid.SampledFrom([]string{
		"", "?limit=" + strings.Repeat("1", 9000), "?limit=" + strings.Repeat("%00", 99) + "&offset=" + strings.Repeat("%F0%9F%98%80", 99),
		"?status=" + strings.Repeat("%3C", 9000), "?status=%3C&status=" + strings.Repeat("%01", 100), "?" + strings.Repeat("a&", 9000), "?%zz",
		"?correlation_id=" + strings.Repeat("x", 9000),
	}).Draw(t, "query")
	return path + query
}

// TestManyBrokenRulesAreCut: 50 are listed and the answer says that there are
// more; exactly 50 are not cut.
func TestManyBrokenRulesAreCut(t *testing.T) {
	t.Parallel()
	const head = `{"course_code":"SV1","expected_essay_count":`
	for n, truncated := range map[int]bool{49: false, 50: false, 51: true, 100: true} {
		for _, body := range []string{
			head + strconv.Itoa(n) + `,"essay_ids":[` + repeated(`7`, n) + `]}`,
			head + `1,"student_prompt_ref":{"references":{` + repeated(`"odd":1`, n) + `}}}`,
			head + `1,"student_prompt_ref":{"references":{"original_essay":{` + repeated(`"k":1`, n) + `}}}}`,
		} {
			_, err := httpserver.RegistrationRequest([]byte(body))
			details := domain.As(err).Details
			text, failed := json.Marshal(details["validation_errors"])
			require.NoError(t, failed)
			var list []struct{ Msg, Type string }
			require.NoError(t, json.Unmarshal(text, &list))
			require.Len(t, list, min(n, 50))
			_, cut := details["truncated"]
			require.Equal(t, truncated, cut)
			require.Equal(t, domain.As(err).Message, list[0].Msg)
		}
	}
}

func repeated(part string, n int) string {
	return strings.TrimSuffix(strings.Repeat(part+",", n), ",")
}

// TestAnnouncedBodiesCostWhatArrives: a client that announces a large body and
// sends little of it does not have the room made for it.
func TestAnnouncedBodiesCostWhatArrives(t *testing.T) {
	w := newWorld(t)
	handler := w.Handler()
	for _, repeats := range []int{0, 5, 50_000} {
		body := []byte(strings.Repeat("<x", repeats))
		request := httptest.NewRequest(http.MethodPost, "/v1/batches/register", bytes.NewReader(body))
		request.ContentLength = 1 << 20
		request.Header.Set("Authorization", "Bearer u1")
		cost := allocated(func() { handler.ServeHTTP(httptest.NewRecorder(), request) })
		require.LessOrEqual(t, cost, 4*uint64(len(body))+512<<10)
	}
}
