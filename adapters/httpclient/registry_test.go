package httpclient_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// TestRegistrationHasEveryMember: a member without a value is null. The identity is in the body
// too.
func TestRegistrationHasEveryMember(t *testing.T) {
	s := serve(t, 202, `{ "batch_id": "b1" }`)
	client := s.client(t)
	reply, err := client.Register(t.Context(), domain.Caller{User: "åsa"}, domain.Registration{EssayCount: 2, EssayIDs: []string{"e1", "e2"}, CourseCode: "SV1"})
	require.NoError(t, err)
	require.Equal(t, ports.Passthrough{Status: 202, ContentType: "application/json", Body: []byte(`{ "batch_id": "b1" }`)}, reply)
	require.Equal(t, "POST", s.lastRequest().Method)
	require.Equal(t, "/v1/batches/register", s.lastRequest().RequestURI)
	require.Equal(t, `{"expected_essay_count":2,"essay_ids":["e1","e2"],"course_code":"SV1","student_prompt_ref":null,"user_id":"åsa",`+
		`"org_id":null,"class_id":null,"cj_default_llm_model":null,"cj_default_temperature":null,"assignment_id":null}`, string(s.received))
	require.Equal(t, "%C3%A5sa", s.lastRequest().Header.Get("X-User-ID"))
	require.Equal(t, "url", s.lastRequest().Header.Get("X-Identity-Encoding"))
	require.Empty(t, s.lastRequest().Header.Get("X-Internal-API-Key"), "the route is not internal")

	ref := domain.PromptRef{References: map[string]map[string]string{"student_prompt_text": {"id": "1"}}}
	_, err = client.Register(t.Context(), anna(), domain.Registration{
		EssayCount: 1, EssayIDs: []string{"e1"}, CourseCode: "ENG5", PromptRef: &ref, ClassID: new("c"), Model: new("m"), Temperature: new(0.7),
	})
	require.NoError(t, err)
	require.Equal(t, `{"expected_essay_count":1,"essay_ids":["e1"],"course_code":"ENG5","student_prompt_ref":{"references":{"student_prompt_text":{"id":"1"}}},`+
		`"user_id":"teacher-anna","org_id":"school-north","class_id":"c","cj_default_llm_model":"m","cj_default_temperature":0.7,"assignment_id":null}`, string(s.received))

	_, err = client.Register(t.Context(), anna(), domain.Registration{EssayCount: 25, CourseCode: "ENG5"})
	require.NoError(t, err)
	require.Contains(t, string(s.received), `{"expected_essay_count":25,"essay_ids":null,`, "the count is that of the client, also without ids")

	_, err = client.SetPrompt(t.Context(), anna(), "b 1", ref)
	require.NoError(t, err)
	require.Equal(t, "PATCH", s.lastRequest().Method)
	require.Equal(t, "/v1/batches/b%201/prompt", s.lastRequest().RequestURI)
	require.Equal(t, `{"student_prompt_ref":{"references":{"student_prompt_text":{"id":"1"}}}}`, string(s.received))
}

// TestRepliesHaveAMediaTypeOfJSON: a browser must not interpret the body as a page.
func TestRepliesHaveAMediaTypeOfJSON(t *testing.T) {
	for declared, want := range map[string]string{
		"application/json": "application/json", "application/json; charset=utf-8": "application/json; charset=utf-8",
		"application/problem+json": "application/problem+json", "": "application/json",
		"text/html": "application/json", "image/svg+xml": "application/json", "text/json": "application/json", ";": "application/json",
	} {
		s := serve(t, 200, `"<script>"`)
		s.contentType = declared
		reply, err := s.client(t).Register(t.Context(), anna(), domain.Registration{})
		require.NoError(t, err)
		require.Equal(t, want, reply.ContentType, declared)
	}
}

func TestRegistrationNeedsAnOrchestrator(t *testing.T) {
	client := newBatches(t, config("http://x", ""), &memory.Facts{})
	_, err := client.Register(t.Context(), anna(), domain.Registration{})
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
	_, err = client.SetPrompt(t.Context(), anna(), "b1", domain.PromptRef{})
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
}

func TestStatusesAbove599AreInvalidResponses(t *testing.T) {
	for _, status := range []int{600, 700, 999} {
		client := serve(t, status, `{}`).client(t)
		_, registered := client.Register(t.Context(), anna(), domain.Registration{})
		_, prompted := client.SetPrompt(t.Context(), anna(), "b1", domain.PromptRef{})
		for _, err := range []error{registered, prompted} {
			require.Equal(t, domain.InvalidResponse, domain.CodeOf(err), status)
		}
	}
	for _, status := range []int{200, 299, 302, 418, 599} {
		reply, err := serve(t, status, `{}`).client(t).Register(t.Context(), anna(), domain.Registration{})
		require.NoError(t, err)
		require.Equal(t, status, reply.Status)
	}
}
