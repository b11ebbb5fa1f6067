package e2e_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/world"
)

// openSettings returns settings of a gateway whose circuits stay closed, so that each failure is visible.
func (s *environment) openSettings() map[string]string {
	vars := s.settings(harness.RateLimits("100000"))
	vars["API_GATEWAY_HTTP_CLIENT_TIMEOUT_SECONDS"], vars["API_GATEWAY_HTTP_CIRCUIT_BREAKER_FAILURE_THRESHOLD"] = "1", "100000"
	return vars
}

// TestClassBatchPromptAndDashboard creates a class and a batch with a prompt; the dashboard shows both.
func TestClassBatchPromptAndDashboard(t *testing.T) {
	t.Parallel()
	s := newEnvironment(t, embedded(t))
	gateway := s.gateway(t, s.openSettings())
	teacher := "lärare-" + uuid.NewString()

	made := call(t, "POST", gateway.http("/v1/classes"), `{"name":"7A","course_code":"ENG7"}`, as(teacher))
	require.Equal(t, 201, made.status, "%s", &made)
	class, _ := made.object(t)["id"].(string)
	require.Equal(t, "/v1/classes/"+class, made.header.Get("Location"))
	require.Equal(t, 404, call(t, "GET", gateway.http("/v1/classes/"+class), "", as("stranger")).status, "the service's own answer")

	registered := call(t, "POST", gateway.http("/v1/batches/register"),
		`{"expected_essay_count":2,"essay_ids":["e1","e2"],"course_code":"ENG7","class_id":"`+class+`"}`, as(teacher))
	require.Equal(t, 202, registered.status, "%s", &registered)
	require.Equal(t, registered.header.Get("X-Correlation-ID"), registered.object(t)["correlation_id"])
	batch, _ := registered.object(t)["batch_id"].(string)
	require.Equal(t, "pending_content", call(t, "GET", gateway.http(statusPath(batch)), "", as(teacher)).object(t)["status"])

	const ref = `{"references":{"student_prompt_text":{"storage_id":"p1"}}}`
	prompt := gateway.http("/v1/batches/" + batch + "/prompt")
	set := call(t, "PATCH", prompt, `{"student_prompt_ref":`+ref+`}`, as(teacher))
	require.Equal(t, 200, set.status, "%s", &set)
	require.JSONEq(t, ref, s.platform.Prompt(domain.BatchID(batch)))
	foreign := call(t, "PATCH", prompt, `{"student_prompt_ref":`+ref+`}`, as("stranger"))
	require.Equal(t, 403, foreign.status)
	require.JSONEq(t, `{"error":"Batch not owned by user"}`, string(foreign.body))

	seen := call(t, "GET", gateway.http("/bff/v1/teacher/dashboard"), "", as(teacher)).object(t)
	require.Equal(t, teacher, seen["teacher_id"])
	require.Len(t, seen["classes"], 1)
	require.Len(t, seen["batches"], 1)
}

// TestFailedServiceDoesNotAffectOthers lets each service refuse and then hang with many waiting requests. The
// others respond meanwhile.
func TestFailedServiceDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	s := newEnvironment(t, embedded(t))
	vars := s.openSettings()
	vars["API_GATEWAY_UPLOAD_STALL_TIMEOUT"] = "2"
	gateway := s.gateway(t, vars)
	teacher, batch := s.batch(1)
	p := s.platform
	const json, form = "application/json", "multipart/form-data; boundary=B"
	services := []backendService{
		{"result_aggregator", "GET", statusPath(batch), json, "", 200, p.FailAggregator},
		{"batch_orchestrator", "PATCH", "/v1/batches/" + string(batch) + "/prompt", json, `{"student_prompt_ref":{"references":{}}}`, 200, p.FailOrchestrator},
		{"file_service", "POST", "/v1/files/batch", form, formHead() + formTail(batch), 202, p.FailFiles},
		{"class_management", "GET", "/v1/classes/", json, "", 200, p.FailClasses},
		{"bff_teacher", "GET", "/bff/v1/teacher/dashboard", json, "", 200, p.FailTeacher},
	}
	for i, dead := range services {
		others := slices.Delete(slices.Clone(services), i, i+1)
		for kind, code := range map[world.FailureMode]string{world.Disconnect: "503 CONNECTION_ERROR", world.Slow: "504 TIMEOUT"} {
			dead.fail(kind)
			var waiting sync.WaitGroup
			for n := range 20 {
				waiting.Go(func() { dead.callDead(t, gateway, fmt.Sprint(teacher, n)) })
			}
			for _, alive := range others {
				started := time.Now()
				a := alive.call(t, gateway, teacher)
				require.Equal(t, alive.goodStatus, a.status, "%s while %s is dead: %s", alive.name, dead.name, &a)
				t.Logf("%-18s %s: %-18s %d in %s", dead.name, code, alive.name, a.status, time.Since(started).Round(time.Millisecond))
			}
			dead.requireFailure(t, gateway, teacher, code)
			waiting.Wait()
		}
		dead.fail(world.NoFailure)
		require.Equal(t, dead.goodStatus, dead.call(t, gateway, teacher).status, "%s is back", dead.name)
	}
}

// backendService is a service behind the gateway, with a request that needs it.
type backendService struct {
	name, method, path, media, body string
	goodStatus                      int // of a response without a failure
	fail                            func(world.FailureMode)
}

// call is tryCall that fails the test if there is no response.
func (s backendService) call(t *testing.T, gateway service, user string) response {
	t.Helper()
	return call(t, s.method, gateway.http(s.path), s.body, headers{"Content-Type": s.media}.withToken(user))
}

// callDead sends a request to a failed service. It may run on any goroutine.
func (s backendService) callDead(t *testing.T, gateway service, user string) {
	t.Helper()
	a, err := tryCall(t, s.method, gateway.http(s.path), s.body, headers{"Content-Type": s.media}.withToken(user))
	if err == nil && a.status < 500 {
		t.Errorf("%s answered %s", s.name, &a)
	}
}

// requireFailure requires an error response, given as "STATUS CODE", that does not contain an address.
func (s backendService) requireFailure(t *testing.T, gateway service, user, code string) {
	t.Helper()
	var number int
	var word string
	_, err := fmt.Sscan(code, &number, &word)
	require.NoError(t, err)
	a := s.call(t, gateway, user)
	f := a.failure(t, number, word)
	require.NotContains(t, string(a.body), "127.0.0.1")
	if s.name == "class_management" || s.name == "bff_teacher" {
		require.Equal(t, s.name, f.Details["external_service"])
	}
}
