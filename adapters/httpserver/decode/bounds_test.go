package decode_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/huleedu/edge/adapters/httpserver/decode"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/requests"
)

// TestMemoryOfDecodingIsBounded checks that decoding any body allocates no more than its budget, and
// that the violations fit into an answer. It is not parallel, because it counts the
// allocations of the process.
func TestMemoryOfDecodingIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := requests.HostileJSON(t, 1<<rapid.IntRange(4, 20).Draw(t, "bits"))
		for name, decode := range map[string]func() error{
			"pipeline":     func() error { _, err := decode.PipelineRequest(body, "b1"); return err },
			"registration": func() error { _, err := decode.Registration(body); return err },
			"prompt":       func() error { _, err := decode.Prompt(body); return err },
		} {
			var err error
			cost := requests.Allocated(func() { err = decode() })
			require.LessOrEqual(t, cost, requests.Budget(body), "%s, a body of %d bytes", name, len(body))
			if err != nil {
				requireBounded(t, domain.As(err))
			}
		}
	})
}

func requireBounded(t require.TestingT, e *domain.Error) {
	text, err := json.Marshal(e.Details)
	require.NoError(t, err)
	require.LessOrEqual(t, len(text)+len(e.Message), 64<<10)
	var details struct {
		Broken    []json.RawMessage `json:"validation_errors"`
		Truncated bool
	}
	require.NoError(t, json.Unmarshal(text, &details))
	require.LessOrEqual(t, len(details.Broken), 50)
	require.LessOrEqual(t, strings.Count(string(text), `"expected":"'original_essay'`), 1, "an answer has each list once")
}

// TestViolationsAreBounded checks that 50 violations are listed, and that an answer with more
// is marked as truncated.
func TestViolationsAreBounded(t *testing.T) {
	t.Parallel()
	const head = `{"course_code":"SV1","expected_essay_count":`
	for n, truncated := range map[int]bool{49: false, 50: false, 51: true, 100: true} {
		for _, body := range []string{
			head + strconv.Itoa(n) + `,"essay_ids":[` + repeated(`7`, n) + `]}`,
			head + `1,"student_prompt_ref":{"references":{` + repeated(`"odd":1`, n) + `}}}`,
			head + `1,"student_prompt_ref":{"references":{"original_essay":{` + repeated(`"k":1`, n) + `}}}}`,
		} {
			_, err := decode.Registration([]byte(body))
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
