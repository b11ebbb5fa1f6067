package world_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/world"
)

const key = "internal-key-of-the-tests"

// startPlatform starts a platform without brokers, with the sample teachers.
func startPlatform(t *testing.T, c world.PlatformConfig) *world.Platform {
	t.Helper()
	c.InternalKey = key
	p, err := world.StartPlatform(c)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	p.Seed(world.SampleTeachers()...)
	return p
}

// internalHeaders returns the headers of an internal request for teacher-anna.
func internalHeaders() map[string]string {
	return map[string]string{"X-Internal-Api-Key": key, "X-Service-Id": "tests", "X-User-Id": "teacher-anna"}
}

// response is a response of the platform.
type response struct {
	status int
	body   string
}

func (r response) members(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.body), &m), r.body)
	return m
}

func call(t *testing.T, method, url, body string, headers map[string]string) response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Close = true
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	read, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return response{res.StatusCode, strings.TrimSpace(string(read))}
}

func TestPlatformRequiresInternalHeaders(t *testing.T) {
	p := startPlatform(t, world.PlatformConfig{})
	url := p.AggregatorURL() + "/internal/v1/batches/batch-anna-1/status"
	missing := response{401, `{"error":"Missing authentication"}`}
	require.Equal(t, missing, call(t, "GET", url, "", nil))
	require.Equal(t, missing, call(t, "GET", url, "", map[string]string{"X-Internal-Api-Key": key}))
	require.Equal(t, missing, call(t, "GET", url, "", map[string]string{"X-Service-Id": "x"}))
	require.Equal(t, response{401, `{"error":"Invalid credentials"}`},
		call(t, "GET", url, "", map[string]string{"X-Internal-Api-Key": "guess", "X-Service-Id": "x"}))

	url = p.OrchestratorURL() + "/internal/v1/batches/batch-anna-1/pipelines/nlp/preflight"
	require.Equal(t, missing, call(t, "POST", url, "{}", nil))
	noUser := internalHeaders()
	delete(noUser, "X-User-Id")
	require.Equal(t, response{401, `{"error":"User authentication required"}`}, call(t, "POST", url, "{}", noUser))
}

func TestPlatformReportsEveryKeyOfABatch(t *testing.T) {
	p := startPlatform(t, world.PlatformConfig{})
	for _, id := range []string{"batch-anna-1", "batch-anna-4"} {
		r := call(t, "GET", p.AggregatorURL()+"/internal/v1/batches/"+id+"/status", "", internalHeaders())
		require.Equal(t, 200, r.status)
		m := r.members(t)
		requireKeys(t, m, `batch_id user_id assignment_id overall_status essay_count completed_essay_count
			failed_essay_count requested_pipeline current_phase essays created_at last_updated
			processing_started_at processing_completed_at student_prompt_ref`)
		require.Equal(t, "teacher-anna", m["user_id"])
		essays, _ := m["essays"].([]any)
		require.Len(t, essays, 4)
		essay, _ := essays[0].(map[string]any)
		requireKeys(t, essay, `essay_id filename file_upload_id spellcheck_status spellcheck_correction_count
			spellcheck_corrected_text_storage_id spellcheck_error_detail cj_assessment_status cj_rank cj_score
			cj_assessment_error_detail last_updated`)
		created, _ := m["created_at"].(string)
		_, err := time.Parse("2006-01-02T15:04:05.000000", created)
		require.NoError(t, err, "times are written without a zone")
	}
	require.Equal(t, response{400, `{"error":"Invalid batch ID"}`},
		call(t, "GET", p.AggregatorURL()+"/internal/v1/batches/unknown/status", "", internalHeaders()))
}

func requireKeys(t *testing.T, m map[string]any, keys string) {
	t.Helper()
	names := strings.Fields(keys)
	require.Len(t, m, len(names))
	for _, name := range names {
		require.Contains(t, m, name)
	}
}

func TestPlatformListsAUsersBatches(t *testing.T) {
	p := startPlatform(t, world.PlatformConfig{})
	list := p.AggregatorURL() + "/internal/v1/batches/user/teacher-anna"
	m := call(t, "GET", list+"?limit=2&offset=1", "", internalHeaders()).members(t)
	require.Len(t, m["batches"], 2)
	require.Equal(t, map[string]any{"limit": 2.0, "offset": 1.0, "total": 4.0}, m["pagination"])
	m = call(t, "GET", list+"?limit=20&offset=0&status=awaiting_content_validation", "", internalHeaders()).members(t)
	require.Len(t, m["batches"], 1)
	require.Equal(t, 400, call(t, "GET", list+"?limit=101&offset=0", "", internalHeaders()).status)
	require.Equal(t, 200, call(t, "GET", p.AggregatorURL()+"/internal/v1/batches/user/status?limit=1&offset=0", "", internalHeaders()).status)
}

func TestPlatformChecksPreflights(t *testing.T) {
	p := startPlatform(t, world.PlatformConfig{})
	preflight := func(batch, pipeline string) response {
		return call(t, "POST", p.OrchestratorURL()+"/internal/v1/batches/"+batch+"/pipelines/"+pipeline+"/preflight", "{}", internalHeaders())
	}
	r := preflight("batch-anna-1", "cj_assessment")
	require.Equal(t, 200, r.status)
	require.Equal(t, map[string]any{
		"allowed": true, "batch_id": "batch-anna-1", "requested_pipeline": "cj_assessment", "correlation_id": "",
		"resolved_pipeline": []any{"spellcheck", "cj_assessment"}, "required_credits": 8.0, "available_credits": 500.0,
		"resource_breakdown": map[string]any{"cj_assessment": 8.0},
	}, r.members(t))

	r = preflight("batch-cecilia-1", "cj_assessment")
	require.Equal(t, 402, r.status)
	require.Equal(t, false, r.members(t)["allowed"])
	require.Equal(t, "insufficient_credits", r.members(t)["denial_reason"])
	require.Equal(t, 200, preflight("batch-cecilia-1", "spellcheck").status)

	require.Equal(t, 404, preflight("unknown", "nlp").status)
	require.Equal(t, 409, preflight("batch-anna-3", "nlp").status)
	require.Equal(t, 400, preflight("batch-anna-1", "unknown").status)

	p.SetPreflightResponse("batch-anna-1", world.FixedResponse{Status: 429, ContentType: "text/plain", Body: []byte("slow down")})
	require.Equal(t, response{429, "slow down"}, preflight("batch-anna-1", "nlp"))
}

func TestPlatformRegistersBatches(t *testing.T) {
	p := startPlatform(t, world.PlatformConfig{})
	headers := map[string]string{"X-User-Id": "l%C3%A4rare", "X-Identity-Encoding": "url", "X-Correlation-Id": "c-1"}
	r := call(t, "POST", p.OrchestratorURL()+"/v1/batches/register", `{"expected_essay_count":2,"user_id":"lärare"}`, headers)
	require.Equal(t, response{202, `{"batch_id":"batch-registered-1","correlation_id":"c-1","status":"registered"}`}, r)
	m := call(t, "GET", p.AggregatorURL()+"/internal/v1/batches/batch-registered-1/status", "", internalHeaders()).members(t)
	require.Equal(t, "lärare", m["user_id"])
	require.Equal(t, "awaiting_content_validation", m["overall_status"])
	require.Equal(t, 400, call(t, "POST", p.OrchestratorURL()+"/v1/batches/register", `{`, headers).status)
	require.Equal(t, 401, call(t, "POST", p.OrchestratorURL()+"/v1/batches/register", `{}`, nil).status)
}

func TestPlatformSetsPrompts(t *testing.T) {
	p := startPlatform(t, world.PlatformConfig{})
	patch := func(user, batch, body string) response {
		return call(t, "PATCH", p.OrchestratorURL()+"/v1/batches/"+batch+"/prompt", body, map[string]string{"X-User-Id": user})
	}
	const prompt = `{"student_prompt_ref":{"references":{}}}`
	require.Equal(t, response{200, `{"batch_id":"batch-anna-1","status":"success","student_prompt_ref":{"references":{}}}`},
		patch("teacher-anna", "batch-anna-1", prompt))
	require.Equal(t, response{403, `{"error":"Batch not owned by user"}`}, patch("teacher-bo", "batch-anna-1", prompt))
	require.Equal(t, 404, patch("teacher-bo", "unknown", prompt).status)
	require.Equal(t, 400, patch("teacher-anna", "batch-anna-1", `{}`).status)
	p.AddBatch(world.Batch{ID: "busy", Owner: "teacher-anna", Overall: "processing_pipelines"})
	require.Equal(t, 409, patch("teacher-anna", "busy", prompt).status)
}

func TestPlatformCloses(t *testing.T) {
	p := startPlatform(t, world.PlatformConfig{})
	p.Close()
	p.Close()
	_, err := world.StartPlatform(world.PlatformConfig{RedisURL: "no url"})
	require.Error(t, err)
	_, err = world.StartPlatform(world.PlatformConfig{AggregatorAddr: "256.0.0.1:1"})
	require.Error(t, err)
}
