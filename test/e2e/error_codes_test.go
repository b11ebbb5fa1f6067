package e2e_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/world"
	"github.com/huleedu/edge/wire"
)

// unreachableCodes returns the codes that no request to the gateway causes, with the reason.
func unreachableCodes() map[domain.Code]string {
	const theirs = "every failure of a service is EXTERNAL_SERVICE_ERROR"
	return map[domain.Code]string{
		domain.MissingRequiredField:     "a missing field breaks a schema: 422 VALIDATION_ERROR",
		domain.InvalidAPIKey:            "clients have no API keys",
		domain.RequestQueued:            "an accepted command has its own response",
		domain.QuotaExceeded:            "only the notification service counts connections",
		domain.InvalidConfiguration:     "settings are checked before the gateway serves requests",
		domain.InitializationFailed:     "the gateway serves requests only after everything has started",
		domain.ProcessingError:          "only the notification service processes records",
		domain.ParsingError:             "a body or form that cannot be read is VALIDATION_ERROR",
		domain.ContentServiceError:      theirs,
		domain.SpellcheckServiceError:   theirs,
		domain.NLPServiceError:          theirs,
		domain.AIFeedbackServiceError:   theirs,
		domain.CJAssessmentServiceError: theirs,
		domain.LLMProviderServiceError:  theirs,
	}
}

// gateways are several gateways on one platform, with settings that make each error possible.
type gateways struct {
	*environment

	t *testing.T
	// plain accepts everything, keyless has not loaded its keys, fragile opens its circuits after
	// one failure, strict allows one request of each class, impatient waits one second for Kafka,
	// broken panics.
	plain, keyless, fragile, strict, impatient, broken service

	teacher string
	batch   domain.BatchID
}

// errorCase is a request that fails, with the expected response.
type errorCase struct {
	name    string
	status  int
	code    domain.Code
	request func(*gateways) response
}

// get sends a GET request of the teacher.
func (s *gateways) get(g service, path string) response {
	return call(s.t, "GET", g.http(path), "", as(s.teacher))
}

func (s *gateways) post(g service, path, body string) response {
	return call(s.t, "POST", g.http(path), body, as(s.teacher))
}

func (s *gateways) start(g service) response {
	return s.post(g, pipelinesPath(s.batch), pipelineBody("nlp"))
}

// upload sends a form.
func (s *gateways) upload(g service, form string) response {
	return call(s.t, "POST", g.http("/v1/files/batch"), form, headers{"Content-Type": "multipart/form-data; boundary=B"}.withToken(s.teacher))
}

// during makes a service fail for one request.
func (s *gateways) during(kind world.FailureMode, fail func(world.FailureMode), request func() response) response {
	fail(kind)
	defer fail(world.NoFailure)
	return request()
}

// clientErrors returns the errors that a client causes.
func clientErrors() []errorCase {
	return []errorCase{
		{"unknown route", 404, domain.ResourceNotFound, func(s *gateways) response { return s.get(s.plain, "/v2") }},
		{"wrong method", 405, domain.InvalidRequest, func(s *gateways) response { return s.post(s.plain, statusPath(s.batch), "") }},
		{"encoded slash in the path", 400, domain.ValidationError, func(s *gateways) response { return s.get(s.plain, "/v1/classes/..%2fx") }},
		{"long id", 400, domain.ValidationError, func(s *gateways) response { return s.get(s.plain, statusPath(strings.Repeat("b", 256))) }},
		{"unknown origin", 400, domain.InvalidRequest, func(s *gateways) response {
			return call(s.t, "OPTIONS", s.plain.http(statusPath(s.batch)), "", headers{"Origin": "http://evil", "Access-Control-Request-Method": "GET"})
		}},
		{"no token", 401, domain.AuthenticationError, func(s *gateways) response { return call(s.t, "GET", s.plain.http(statusPath(s.batch)), "", nil) }},
		{"batch of another user", 403, domain.AuthorizationError, func(s *gateways) response {
			return call(s.t, "GET", s.plain.http(statusPath(s.batch)), "", as("teacher-2"))
		}},
		{"unknown batch", 404, domain.ResourceNotFound, func(s *gateways) response { return s.get(s.plain, statusPath("none")) }},
		{"broken schema", 422, domain.ValidationError, func(s *gateways) response { return s.post(s.plain, pipelinesPath(s.batch), "{}") }},
		{"not JSON", 422, domain.ValidationError, func(s *gateways) response { return s.post(s.plain, "/v1/batches/register", "{") }},
		{"not a number", 422, domain.ValidationError, func(s *gateways) response { return s.get(s.plain, "/v1/batches?limit=x") }},
		{"unknown status", 400, domain.ValidationError, func(s *gateways) response { return s.get(s.plain, "/v1/batches?status=x") }},
		{"invalid query", 400, domain.ValidationError, func(s *gateways) response { return s.get(s.plain, "/v1/batches?limit=%") }},
		{"another batch", 400, domain.ValidationError, func(s *gateways) response {
			return s.post(s.plain, pipelinesPath(s.batch), `{"batch_id":"other","requested_pipeline":"nlp"}`)
		}},
		{"invalid idempotency key", 400, domain.ValidationError, func(s *gateways) response {
			return call(s.t, "POST", s.plain.http(pipelinesPath(s.batch)), pipelineBody("nlp"), headers{"Idempotency-Key": "ä"}.withToken(s.teacher))
		}},
		{"media type", 415, domain.InvalidRequest, func(s *gateways) response {
			return call(s.t, "POST", s.plain.http(pipelinesPath(s.batch)), "a", headers{"Content-Type": "text/plain"}.withToken(s.teacher))
		}},
		{"large body", 413, domain.ValidationError, func(s *gateways) response {
			return s.post(s.plain, pipelinesPath(s.batch), strings.Repeat(" ", 1<<20+1))
		}},
		{"form without end", 400, domain.ValidationError, func(s *gateways) response { return s.upload(s.plain, formHead()) }},
		{"form without batch", 400, domain.ValidationError, func(s *gateways) response { return s.upload(s.plain, formHead()+"\r\n--B--\r\n") }},
		{"form for an unknown batch", 404, domain.ResourceNotFound, func(s *gateways) response { return s.upload(s.plain, formHead()+formTail("none")) }},
		{"not a form", 415, domain.InvalidRequest, func(s *gateways) response { return s.post(s.plain, "/v1/files/batch", "{}") }},
		{"rate limit", 429, domain.RateLimit, func(s *gateways) response { s.get(s.strict, "/v1/classes"); return s.get(s.strict, "/v1/classes") }},
		{"limit of refused tokens", 429, domain.RateLimit, func(s *gateways) response {
			call(s.t, "GET", s.strict.http(statusPath(s.batch)), "", nil)
			return call(s.t, "GET", s.strict.http(statusPath(s.batch)), "", nil)
		}},
		{"used key", 409, domain.InvalidRequest, func(s *gateways) response {
			teacher, batch := s.environment.batch(1)
			key := headers{"Idempotency-Key": "k"}.withToken(teacher)
			require.Equal(s.t, 202, call(s.t, "POST", s.plain.http(pipelinesPath(batch)), pipelineBody("nlp"), key).status)
			return call(s.t, "POST", s.plain.http(pipelinesPath(batch)), pipelineBody("spellcheck"), key)
		}},
	}
}

// serviceErrors returns the errors that the services behind the gateway cause. The last one stops Kafka.
func serviceErrors() []errorCase {
	rows := []errorCase{
		{"keys not loaded", 503, domain.ServiceUnavailable, func(s *gateways) response {
			token := harness.SignWith(map[string]any{"alg": "ES256"}, harness.Claims(s.teacher), harness.Secret)
			return call(s.t, "GET", s.keyless.http(statusPath(s.batch)), "", headers{"Authorization": "Bearer " + token})
		}},
		{"open circuit", 503, domain.CircuitBreakerOpen, func(s *gateways) response {
			return s.during(world.Disconnect, s.platform.FailAggregator, func() response {
				s.get(s.fragile, statusPath(s.batch)).failure(s.t, 503, "CONNECTION_ERROR")
				return s.get(s.fragile, statusPath(s.batch))
			})
		}},
		{"panic", 500, domain.UnknownError, func(s *gateways) response { return s.get(s.broken, statusPath(s.batch)) }},
		{"no JSON from the orchestrator", 502, domain.InvalidResponse, func(s *gateways) response {
			s.platform.SetRegistrationResponse(world.FixedResponse{Status: 200, ContentType: "text/html", Body: []byte("<html>")})
			return s.post(s.plain, "/v1/batches/register", `{"expected_essay_count":1,"essay_ids":["e"],"course_code":"ENG5"}`)
		}},
	}
	for _, end := range []struct {
		kind   world.FailureMode
		status int
		code   domain.Code
	}{
		{world.Disconnect, 503, domain.ConnectionError},
		{world.Slow, 504, domain.Timeout},
		{world.ServerError, 502, domain.ExternalServiceError},
		{world.Malformed, 502, domain.InvalidResponse},
	} {
		rows = append(rows,
			errorCase{fmt.Sprint("aggregator, failure mode ", end.kind), end.status, end.code, func(s *gateways) response {
				return s.during(end.kind, s.platform.FailAggregator, func() response { return s.get(s.plain, statusPath(s.batch)) })
			}},
			errorCase{fmt.Sprint("orchestrator, failure mode ", end.kind), end.status, end.code, func(s *gateways) response {
				return s.during(end.kind, s.platform.FailOrchestrator, func() response { return s.start(s.plain) })
			}})
		if end.kind == world.Disconnect || end.kind == world.Slow { // other responses are forwarded
			rows = append(rows,
				errorCase{fmt.Sprint("classes, failure mode ", end.kind), end.status, end.code, func(s *gateways) response {
					return s.during(end.kind, s.platform.FailClasses, func() response { return s.get(s.plain, "/v1/classes") })
				}},
				errorCase{fmt.Sprint("files, failure mode ", end.kind), end.status, end.code, func(s *gateways) response {
					return s.during(end.kind, s.platform.FailFiles, func() response { return s.upload(s.plain, formHead()+formTail(s.batch)) })
				}})
		}
	}
	return append(rows, errorCase{"refused topic", 500, domain.ConfigurationError, func(s *gateways) response {
		refusal := s.refuseCommands(29)
		defer refusal.Remove()
		return s.start(s.plain)
	}}, errorCase{"Kafka", 503, domain.KafkaPublishError, func(s *gateways) response {
		s.stopKafka() // the last row: Kafka stays stopped
		return s.start(s.impatient)
	}})
}

// TestEveryErrorCode causes each error code with a request. It fails for a code that neither occurs nor is
// among the unreachable ones.
func TestEveryErrorCode(t *testing.T) {
	t.Parallel()
	s := newGateways(t)
	seen := map[domain.Code]int{}
	for _, c := range append(clientErrors(), serviceErrors()...) {
		a := c.request(s)
		require.Equal(t, c.status, a.status, "%s: %s", c.name, &a)
		a.failure(t, c.status, string(c.code))
		require.NotRegexp(t, `127\.0\.0\.1|10\.0\.0\.7`, string(a.body), c.name)
		require.Equal(t, slices.Contains([]int{429, 503}, c.status), a.header.Get("Retry-After") != "", "%s: Retry-After", c.name)
		seen[c.code]++
		t.Logf("%-28s %d %s", c.name, c.status, c.code)
	}
	require.Equal(t, "ready", statusOf(t, s.plain, s.teacher, s.batch), "nothing was published")
	for _, code := range domain.Codes() {
		_, out := unreachableCodes()[code]
		require.Equal(t, out, seen[code] == 0, "%s was seen %d times", code, seen[code])
	}
}

func newGateways(t *testing.T) *gateways {
	t.Helper()
	s := &gateways{environment: newEnvironment(t, embedded(t)), t: t}
	s.teacher, s.batch = s.environment.batch(1)
	with := func(changes ...string) service {
		vars := s.openSettings()
		vars["API_GATEWAY_RATE_LIMIT_TIMEOUT"] = "10" // long enough on a busy machine
		for pair := range slices.Chunk(changes, 2) {
			vars[pair[0]] = pair[1]
		}
		return s.gateway(t, vars)
	}
	s.plain = with("API_GATEWAY_HTTP_CLIENT_TIMEOUT_SECONDS", "3", "API_GATEWAY_UPLOAD_STALL_TIMEOUT", "3")
	s.keyless = with("JWT_ALGORITHM", "ES256", "JWT_SECRET_KEY", "", "JWT_JWKS_URL", "http://127.0.0.1:9/keys")
	s.fragile = with("API_GATEWAY_HTTP_CIRCUIT_BREAKER_FAILURE_THRESHOLD", "1")
	s.strict = with("API_GATEWAY_RATE_LIMIT_DEFAULT", "1", "API_GATEWAY_RATE_LIMIT_REFUSED", "1")
	s.impatient = with("API_GATEWAY_KAFKA_PUBLISH_TIMEOUT", "1")
	s.broken = service{harness.StartGatewayWith(t, s.vars, io.Discard, wire.GatewayOverride{Tokens: anyToken{}, Batches: panickingBatches{}})}
	return s
}

// anyToken accepts every token as the name of its user.
type anyToken struct{}

// Validate returns the token as the user.
func (anyToken) Validate(_ context.Context, token string) (domain.Caller, error) {
	return domain.Caller{User: domain.UserID(token)}, nil
}

// panickingBatches is a client that panics.
type panickingBatches struct{}

// Status panics.
func (panickingBatches) Status(context.Context, domain.Caller, domain.BatchID) (domain.BatchReport, error) {
	panic("a defect of " + uuid.NewString())
}

// List panics.
func (panickingBatches) List(context.Context, domain.Caller, domain.PlatformQuery) (domain.PlatformPage, error) {
	panic("a defect of " + uuid.NewString())
}
