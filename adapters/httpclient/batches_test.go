package httpclient_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/recorded"
)

func TestEveryCallHasTheIdentityOfTheCaller(t *testing.T) {
	s := serve(t, 200, `{}`)
	const correlation = "3f0e2d5c-5a3e-4f53-9d5b-0f1f5a1b2c3d"
	ctx := domain.WithRequestContext(t.Context(), domain.RequestContext{CorrelationID: correlation})
	_, err := s.client(t).Status(ctx, anna(), "b1")
	require.NoError(t, err)
	require.Equal(t, "GET", s.lastRequest().Method)
	require.Equal(t, "/internal/v1/batches/b1/status", s.lastRequest().RequestURI)
	for name, want := range map[string]string{
		"X-User-Id": "teacher-anna", "X-Org-Id": "school-north", "X-Correlation-Id": correlation,
		"X-Internal-Api-Key": key.Reveal(), "X-Service-Id": "api-gateway-service", "X-Identity-Encoding": "",
		"Accept-Encoding": "",
	} {
		require.Equal(t, want, s.lastRequest().Header.Get(name), name)
	}
}

func TestIdentityIsEncodedIfAHeaderCannotCarryIt(t *testing.T) {
	s := serve(t, 200, `{}`)
	client := s.client(t)
	for _, c := range []struct{ user, org, wantUser, wantOrg string }{
		{"lärare", "north", "l%C3%A4rare", "north"},
		{"anna", "Åre skola", "anna", "%C3%85re%20skola"},
		{" anna", "", "%20anna", ""},
		{"anna", "a\nX-Roles: admin", "anna", "a%0AX-Roles:%20admin"},
		{"100%ö", "", "100%25%C3%B6", ""},
	} {
		_, err := client.Status(t.Context(), domain.Caller{User: domain.UserID(c.user), Org: c.org}, "b1")
		require.NoError(t, err)
		require.Equal(t, []string{"url"}, s.lastRequest().Header.Values("X-Identity-Encoding"))
		require.Equal(t, c.wantUser, s.lastRequest().Header.Get("X-User-Id"))
		require.Equal(t, c.wantOrg, s.lastRequest().Header.Get("X-Org-Id"))
	}
	_, err := client.Status(t.Context(), domain.Caller{User: "100% anna"}, "b1")
	require.NoError(t, err)
	require.Equal(t, "100% anna", s.lastRequest().Header.Get("X-User-Id"))
	require.Empty(t, s.lastRequest().Header.Values("X-Identity-Encoding"))
	require.Empty(t, s.lastRequest().Header.Values("X-Org-Id"))
}

func TestIDsAreOnePathSegment(t *testing.T) {
	s := serve(t, 200, `{"batches":[],"pagination":{"total":0}}`)
	client := s.client(t)
	for id, path := range map[string]string{"a b?c#d": "a%20b%3Fc%23d", "å;v=1": "%C3%A5%3Bv=1", "a%2Fb": "a%252Fb", "...": "..."} {
		_, err := client.Status(t.Context(), anna(), domain.BatchID(id))
		require.NoError(t, err)
		require.Equal(t, "/internal/v1/batches/"+path+"/status", s.lastRequest().RequestURI)
	}
	s.reset()
	for _, id := range []string{"", ".", "..", "a/b", "../x", `a\b`, "..;x=1", ";x"} {
		_, err := client.Status(t.Context(), anna(), domain.BatchID(id))
		require.Equal(t, domain.ValidationError, domain.CodeOf(err), id)
		_, err = client.List(t.Context(), domain.Caller{User: domain.UserID(id)}, domain.PlatformQuery{Limit: 1})
		require.Equal(t, domain.ValidationError, domain.CodeOf(err), id)
		_, err = client.Check(t.Context(), anna(), "b1", domain.Pipeline(id))
		require.Equal(t, domain.ValidationError, domain.CodeOf(err), id)
	}
	require.Nil(t, s.lastRequest(), "nothing was sent")
}

func TestStatusRemovesOnlyTheOwner(t *testing.T) {
	for body, want := range map[string]string{
		`{"user_id":"anna","overall_status":"ready"}`:                         `{"overall_status":"ready"}`,
		"{ \"a\" : 1.0e+2 ,\t\"user_id\":\"anna\" , \"b\":\"<é\\u00e9>\" }\n": "{ \"a\" : 1.0e+2 ,\t\"b\":\"<é\\u00e9>\" }\n",
		`{"a":[{"user_id":"x"}],"user_id":"anna"}`:                            `{"a":[{"user_id":"x"}]}`,
		`{"user_id":"anna"}`: `{}`,
		`{"us\u0065r_id":"anna","User_ID":"x","a":"\",\"user_id\":\"y\""}`:      `{"User_ID":"x","a":"\",\"user_id\":\"y\""}`,
		`{"big":123456789012345678901234567890,"user_id":"anna","user_id ":{}}`: `{"big":123456789012345678901234567890,"user_id ":{}}`,
	} {
		report, err := serve(t, 200, body).client(t).Status(t.Context(), anna(), "b1")
		require.NoError(t, err, body)
		require.Equal(t, domain.UserID("anna"), report.Owner, body)
		require.Equal(t, want, string(report.Document))
	}
}

func TestStatusWithoutAnOwnerHasNone(t *testing.T) {
	for _, body := range []string{`{}`, `{"user_id":null}`, `{"user_id":7}`, `{"user_id":["anna"]}`, `{"USER_ID":"anna"}`} {
		report, err := serve(t, 200, body).client(t).Status(t.Context(), anna(), "b1")
		require.NoError(t, err)
		require.Empty(t, report.Owner, body)
	}
}

func TestStatusRefusesInvalidDocuments(t *testing.T) {
	for _, body := range []string{
		``, `null`, `[]`, `"x"`, `{`, `{"a":1}x`, `<html>`, `{"a":01}`,
		`{"user_id":"anna","user_id":"anna"}`, `{"user_id":"anna","\u0075ser_id":"bo"}`,
		strings.Repeat("[", 1<<20),
		`{"a":"` + strings.Repeat("x", 8<<20) + `"}`,
		`{"a":1}` + strings.Repeat(" ", 8<<20),
	} {
		_, err := serve(t, 200, body).client(t).Status(t.Context(), anna(), "b1")
		e := domain.As(err)
		require.Equal(t, domain.InvalidResponse, e.Code, body[:min(len(body), 40)])
		require.Equal(t, map[string]any{"external_service": "result_aggregator"}, e.Details)
	}
	_, err := serve(t, 204, ``).client(t).Status(t.Context(), anna(), "b1")
	require.Equal(t, domain.InvalidResponse, domain.CodeOf(err))
}

func TestStatusAcceptsABodyOfTheMaximumSize(t *testing.T) {
	body := `{"a":"` + strings.Repeat("x", 8<<20-8) + `"}`
	require.Len(t, body, 8<<20)
	report, err := serve(t, 200, body).client(t).Status(t.Context(), anna(), "b1")
	require.NoError(t, err)
	require.Len(t, report.Document, 8<<20)
}

func TestOtherStatusesAreExternalErrors(t *testing.T) {
	for _, status := range []int{301, 302, 400, 401, 403, 409, 429, 500, 502, 503, 504} {
		s := serve(t, status, `{"error":"secret"}`)
		_, one := s.client(t).Status(t.Context(), anna(), "b1")
		_, many := s.client(t).List(t.Context(), anna(), domain.PlatformQuery{Limit: 1})
		for _, err := range []error{one, many} {
			e := domain.As(err)
			require.Equal(t, domain.ExternalServiceError, e.Code)
			require.Equal(t, map[string]any{"external_service": "result_aggregator", "status_code": status}, e.Details)
			require.NotContains(t, e.Error(), "secret")
		}
	}
	_, err := serve(t, 404, ``).client(t).List(t.Context(), anna(), domain.PlatformQuery{Limit: 1})
	require.Equal(t, domain.ExternalServiceError, domain.CodeOf(err), "a missing list is not a missing batch")
}

func TestStatusOfABatchWithoutARecordIsNotFound(t *testing.T) {
	for _, body := range []string{`{"error":"Invalid batch ID"}`, " {\n\t\"error\": \"Invalid batch I\\u0044\"}\n"} {
		_, err := serve(t, 400, body).client(t).Status(t.Context(), anna(), "b3")
		e := domain.As(err)
		require.Equal(t, domain.ResourceNotFound, e.Code, body)
		require.Equal(t, map[string]any{"resource_type": "batch", "resource_id": "b3"}, e.Details)
		_, err = serve(t, 400, body).client(t).List(t.Context(), anna(), domain.PlatformQuery{Limit: 1})
		require.Equal(t, domain.ExternalServiceError, domain.CodeOf(err), "a list has no batch")
	}
	for _, body := range []string{
		``, `null`, `"Invalid batch ID"`, `{"error":"invalid batch id"}`, `{"error":"Invalid batch ID."}`, `{"Error":"Invalid batch ID"}`,
		`{"error":"Invalid batch ID","detail":"x"}`, `{"error":"Invalid batch ID","error":"Invalid batch ID"}`, `{"error":["Invalid batch ID"]}`,
		`{"error":"Invalid batch ID"}x`, `{"error":"` + strings.Repeat("x", 8<<20) + `"}`,
	} {
		_, err := serve(t, 400, body).client(t).Status(t.Context(), anna(), "b3")
		e := domain.As(err)
		require.Equal(t, domain.ExternalServiceError, e.Code, body[:min(len(body), 60)])
		require.Equal(t, map[string]any{"external_service": "result_aggregator", "status_code": 400}, e.Details)
	}
	for _, status := range []int{401, 409, 422, 500} {
		_, err := serve(t, status, `{"error":"Invalid batch ID"}`).client(t).Status(t.Context(), anna(), "b3")
		require.Equal(t, domain.ExternalServiceError, domain.CodeOf(err), "only a 400 means that")
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	target := serve(t, 200, `{"allowed":true}`)
	redirecting := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusTemporaryRedirect))
	t.Cleanup(redirecting.Close)
	client := newBatches(t, config(redirecting.URL, redirecting.URL), &memory.Facts{})
	_, status := client.Status(t.Context(), anna(), "b1")
	_, check := client.Check(t.Context(), anna(), "b1", "nlp")
	require.Equal(t, domain.ExternalServiceError, domain.CodeOf(status))
	require.Equal(t, domain.ExternalServiceError, domain.CodeOf(check))
	require.Nil(t, target.lastRequest(), "the key was not sent to the target")
}

func TestListSendsTheQueryAndRemovesOwners(t *testing.T) {
	s := serve(t, 200, `{"batches":[ {"user_id":"a","overall_status":"COMPLETED","n": 1.0},{"overall_status":"odd"},{}, {"user_id":"x"} ],
		"pagination":{"limit":2,"offset":4,"total":17}}`)
	client := s.client(t)
	page, err := client.List(t.Context(), anna(), domain.PlatformQuery{Limit: 2, Offset: 4, Overall: "processing_pipelines"})
	require.NoError(t, err)
	require.Equal(t, "/internal/v1/batches/user/teacher-anna?limit=2&offset=4&status=processing_pipelines", s.lastRequest().RequestURI)
	require.Equal(t, 17, page.Total)
	got := make([]string, 0, len(page.Batches))
	for _, b := range page.Batches {
		got = append(got, b.Overall+" "+string(b.Document("set")))
	}
	const added = ` {"overall_status":"set"}`
	require.Equal(t, []string{`COMPLETED {"overall_status":"set","n": 1.0}`, "odd" + added, added, added}, got)

	_, err = client.List(t.Context(), anna(), domain.PlatformQuery{Limit: 2})
	require.NoError(t, err)
	require.Equal(t, "limit=2&offset=0", s.lastRequest().URL.RawQuery)
}

func TestListRefusesInvalidPages(t *testing.T) {
	for _, body := range []string{
		``, `[]`, `null`, `{}`, `{"batches":null,"pagination":{"total":0}}`, `{"batches":[],"pagination":{}}`,
		`{"batches":[]}`, `{"batches":[1],"pagination":{"total":1}}`, `{"batches":{},"pagination":{"total":1}}`,
		`{"batches":[],"pagination":{"total":-1}}`, `{"batches":[],"pagination":{"total":"1"}}`,
		`{"Batches":[],"Pagination":{"Total":1}}`, `{"batches":[{"user_id":"a","user_id":"b"}],"pagination":{"total":1}}`,
	} {
		_, err := serve(t, 200, body).client(t).List(t.Context(), anna(), domain.PlatformQuery{Limit: 1})
		require.Equal(t, domain.InvalidResponse, domain.CodeOf(err), body)
	}
}

func TestPreflightCallsTheOrchestrator(t *testing.T) {
	s := serve(t, 200, `{ "allowed" : true }`)
	v, err := s.client(t).Check(t.Context(), anna(), "b1", "nlp")
	require.NoError(t, err)
	require.Equal(t, ports.PreflightResult{Allowed: true}, v)
	require.Equal(t, "POST /internal/v1/batches/b1/pipelines/nlp/preflight", s.lastRequest().Method+" "+s.lastRequest().RequestURI)
	require.Equal(t, "{}", string(s.received))
	require.Equal(t, "application/json", s.lastRequest().Header.Get("Content-Type"))
	require.Equal(t, key.Reveal(), s.lastRequest().Header.Get("X-Internal-Api-Key"))
}

func TestPreflightIsSkippedWithoutAnOrchestrator(t *testing.T) {
	client := newBatches(t, config("http://127.0.0.1:1", ""), &memory.Facts{})
	v, err := client.Check(t.Context(), anna(), "b1", "nlp")
	require.NoError(t, err)
	require.Equal(t, ports.PreflightResult{Allowed: true, Skipped: true}, v)
}

func TestPreflightResponses(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		passed int
		code   domain.Code
	}{
		{200, `{"allowed":false,"denial_reason":"x"}`, 402, ""},
		{400, `bad`, 400, ""},
		{402, `{"allowed":true}`, 402, ""},
		{404, ``, 404, ""},
		{409, `{}`, 409, ""},
		{429, `{}`, 429, ""},
		{200, ``, 0, domain.InvalidResponse},
		{200, `{}`, 0, domain.InvalidResponse},
		{200, `true`, 0, domain.InvalidResponse},
		{200, `{"allowed":"true"}`, 0, domain.InvalidResponse},
		{200, `{"allowed":1}`, 0, domain.InvalidResponse},
		{200, `{"Allowed":true}`, 0, domain.InvalidResponse},
		{200, `{"allowed":true,"allowed":false}`, 0, domain.InvalidResponse},
		{200, `{"allowed":true`, 0, domain.InvalidResponse},
		{201, `{"allowed":true}`, 0, domain.ExternalServiceError},
		{202, `{"allowed":true}`, 0, domain.ExternalServiceError},
		{302, `{"allowed":true}`, 0, domain.ExternalServiceError},
		{401, `{"allowed":true}`, 0, domain.ExternalServiceError},
		{403, `{"allowed":true}`, 0, domain.ExternalServiceError},
		{422, `{"allowed":true}`, 0, domain.ExternalServiceError},
		{500, `{"allowed":true}`, 0, domain.ExternalServiceError},
		{503, `{"allowed":true}`, 0, domain.ExternalServiceError},
	} {
		s := serve(t, c.status, c.body)
		s.contentType = "text/x-odd"
		v, err := s.client(t).Check(t.Context(), anna(), "b1", "nlp")
		require.False(t, v.Allowed)
		require.Equal(t, c.code, domain.CodeOf(err), "%d %s", c.status, c.body)
		if c.code != "" {
			require.Equal(t, "batch_orchestrator", domain.As(err).Details["external_service"])
			continue
		}
		require.Equal(t, c.passed, v.Refusal.Status)
		require.Equal(t, "text/x-odd", v.Refusal.ContentType)
		require.Equal(t, c.body, string(v.Refusal.Body))
	}
}

func TestEveryCallIsObservedAndTraced(t *testing.T) {
	s := serve(t, 200, `{"allowed":true,"batches":[],"pagination":{"total":0}}`)
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	observer := &memory.Facts{}
	client, err := httpclient.NewBatches(config(s.URL, s.URL), httpclient.KeyConfig{InternalKey: key}, observer, tp, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer client.Close()

	_, err = client.Status(t.Context(), anna(), "b1")
	require.NoError(t, err)
	parent := trace.SpanContextFromContext(t.Context())
	require.False(t, parent.IsValid())
	require.Contains(t, s.lastRequest().Header.Get("Traceparent"), spans.Ended()[0].SpanContext().SpanID().String())
	_, err = client.List(t.Context(), anna(), domain.PlatformQuery{Limit: 1})
	require.NoError(t, err)
	_, err = client.Check(t.Context(), anna(), "b1", "nlp")
	require.NoError(t, err)
	s.Close()
	_, err = client.Status(t.Context(), anna(), "b1")
	require.Error(t, err)

	want := []domain.ServiceCalled{
		{Service: "result_aggregator", Method: "GET", Endpoint: "/internal/v1/batches/{batch_id}/status", Status: 200},
		{Service: "result_aggregator", Method: "GET", Endpoint: "/internal/v1/batches/user/{user_id}", Status: 200},
		{Service: "batch_orchestrator", Method: "POST", Endpoint: "/internal/v1/batches/{batch_id}/pipelines/{pipeline}/preflight", Status: 200},
		{Service: "result_aggregator", Method: "GET", Endpoint: "/internal/v1/batches/{batch_id}/status", Status: 0},
	}
	calls := recorded.FactsOf[domain.ServiceCalled](observer.All())
	for i := range calls {
		require.Positive(t, calls[i].Duration)
		calls[i].Duration = 0
	}
	require.Equal(t, want, calls)

	attributes := make([]string, 0, len(want))
	for _, span := range spans.Ended() {
		require.Equal(t, "gateway.proxy_request", span.Name())
		var words []string
		for _, a := range span.Attributes() {
			words = append(words, string(a.Key)+"="+a.Value.String())
		}
		attributes = append(attributes, strings.Join(words, " "))
	}
	require.Equal(t, []string{
		"target.service=result_aggregator operation=batch_status http.request.method=GET server.address=127.0.0.1 http.response.status_code=200 batch.id=b1",
		"target.service=result_aggregator operation=batch_list http.request.method=GET server.address=127.0.0.1 http.response.status_code=200",
		"target.service=batch_orchestrator operation=pipeline_preflight http.request.method=POST server.address=127.0.0.1 http.response.status_code=200 batch.id=b1",
		"target.service=result_aggregator operation=batch_status http.request.method=GET server.address=127.0.0.1 batch.id=b1 error.type=CONNECTION_ERROR",
	}, attributes)
}
