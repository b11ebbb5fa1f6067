package e2e_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/huleedu/edge/test/harness"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
	"github.com/huleedu/edge/wire"
)

// unseen are the codes that no request to the gateway can bring about, and why.
func unseen() map[domain.Code]string {
	const theirs = "a service's failure is EXTERNAL_SERVICE_ERROR, whatever it calls itself"
	return map[domain.Code]string{
		domain.MissingRequiredField:     "a missing field breaks a schema: 422 VALIDATION_ERROR",
		domain.InvalidAPIKey:            "clients have no API keys",
		domain.RequestQueued:            "a command that is taken is answered with a body of its own",
		domain.QuotaExceeded:            "connections are the notification service's",
		domain.InvalidConfiguration:     "settings are judged before anything is served",
		domain.InitializationFailed:     "nothing is served before everything has started",
		domain.ProcessingError:          "the gateway processes nothing",
		domain.ParsingError:             "a body or form that cannot be read is VALIDATION_ERROR",
		domain.ContentServiceError:      theirs,
		domain.SpellcheckServiceError:   theirs,
		domain.NLPServiceError:          theirs,
		domain.AIFeedbackServiceError:   theirs,
		domain.CJAssessmentServiceError: theirs,
		domain.LLMProviderServiceError:  theirs,
	}
}

// scene is the gateways of the table: each is set so that one more cause can be
// had.
type scene struct {
	*stage

	t *testing.T
	// plain takes everything, keyless knows no keys yet, fragile opens its
	// circuits at once, strict has room for one request of a class, impatient
	// waits a second for Kafka, broken panics.
	plain, keyless, fragile, strict, impatient, broken service

	teacher string
	batch   domain.BatchID
}

// cause is a row: what a client does, or what befalls the services, and what it
// is told.
type cause struct {
	name   string
	status int
	code   domain.Code
	come   func(*scene) answer
}

// get, post and patch are requests of the teacher's.
func (s *scene) get(g service, path string) answer {
	return call(s.t, "GET", g.http(path), "", as(s.teacher))
}

func (s *scene) post(g service, path, body string) answer {
	return call(s.t, "POST", g.http(path), body, as(s.teacher))
}

func (s *scene) start(g service) answer { return s.post(g, pipelines(s.batch), wants("nlp")) }

// upload sends a form.
func (s *scene) upload(g service, form string) answer {
	return call(s.t, "POST", g.http("/v1/files/batch"), form, headers{"Content-Type": "multipart/form-data; boundary=B"}.bearing(s.teacher))
}

// in lets a trouble befall a service for the time of one request.
func (s *scene) in(kind world.FailureMode, befalls func(world.FailureMode), request func() answer) answer {
	befalls(kind)
	defer befalls(world.NoFailure)
	return request()
}

// ours are the causes that lie with the client.
func ours() []cause {
	return []cause{
		{"unknown route", 404, domain.ResourceNotFound, func(s *scene) answer { return s.get(s.plain, "/v2") }},
		{"wrong method", 405, domain.InvalidRequest, func(s *scene) answer { return s.post(s.plain, status(s.batch), "") }},
		{"crooked path", 400, domain.ValidationError, func(s *scene) answer { return s.get(s.plain, "/v1/classes/..%2fx") }},
		{"long id", 400, domain.ValidationError, func(s *scene) answer { return s.get(s.plain, status(strings.Repeat("b", 256))) }},
		{"foreign origin", 400, domain.InvalidRequest, func(s *scene) answer {
			return call(s.t, "OPTIONS", s.plain.http(status(s.batch)), "", headers{"Origin": "http://evil", "Access-Control-Request-Method": "GET"})
		}},
		{"no token", 401, domain.AuthenticationError, func(s *scene) answer { return call(s.t, "GET", s.plain.http(status(s.batch)), "", nil) }},
		{"foreign batch", 403, domain.AuthorizationError, func(s *scene) answer {
			return call(s.t, "GET", s.plain.http(status(s.batch)), "", as("stranger"))
		}},
		{"unknown batch", 404, domain.ResourceNotFound, func(s *scene) answer { return s.get(s.plain, status("none")) }},
		{"broken schema", 422, domain.ValidationError, func(s *scene) answer { return s.post(s.plain, pipelines(s.batch), "{}") }},
		{"no JSON", 422, domain.ValidationError, func(s *scene) answer { return s.post(s.plain, "/v1/batches/register", "{") }},
		{"no number", 422, domain.ValidationError, func(s *scene) answer { return s.get(s.plain, "/v1/batches?limit=x") }},
		{"no status", 400, domain.ValidationError, func(s *scene) answer { return s.get(s.plain, "/v1/batches?status=x") }},
		{"no query", 400, domain.ValidationError, func(s *scene) answer { return s.get(s.plain, "/v1/batches?limit=%") }},
		{"another batch", 400, domain.ValidationError, func(s *scene) answer {
			return s.post(s.plain, pipelines(s.batch), `{"batch_id":"other","requested_pipeline":"nlp"}`)
		}},
		{"no key", 400, domain.ValidationError, func(s *scene) answer {
			return call(s.t, "POST", s.plain.http(pipelines(s.batch)), wants("nlp"), headers{"Idempotency-Key": "ä"}.bearing(s.teacher))
		}},
		{"media type", 415, domain.InvalidRequest, func(s *scene) answer {
			return call(s.t, "POST", s.plain.http(pipelines(s.batch)), "a", headers{"Content-Type": "text/plain"}.bearing(s.teacher))
		}},
		{"large body", 413, domain.ValidationError, func(s *scene) answer {
			return s.post(s.plain, pipelines(s.batch), strings.Repeat(" ", 1<<20+1))
		}},
		{"form without end", 400, domain.ValidationError, func(s *scene) answer { return s.upload(s.plain, formHead()) }},
		{"form without batch", 400, domain.ValidationError, func(s *scene) answer { return s.upload(s.plain, formHead()+"\r\n--B--\r\n") }},
		{"form for an unknown batch", 404, domain.ResourceNotFound, func(s *scene) answer { return s.upload(s.plain, formHead()+formTail("none")) }},
		{"no form", 415, domain.InvalidRequest, func(s *scene) answer { return s.post(s.plain, "/v1/files/batch", "{}") }},
		{"one too many", 429, domain.RateLimit, func(s *scene) answer { s.get(s.strict, "/v1/classes"); return s.get(s.strict, "/v1/classes") }},
		{"one bad token too many", 429, domain.RateLimit, func(s *scene) answer {
			call(s.t, "GET", s.strict.http(status(s.batch)), "", nil)
			return call(s.t, "GET", s.strict.http(status(s.batch)), "", nil)
		}},
		{"used key", 409, domain.InvalidRequest, func(s *scene) answer {
			teacher, batch := s.stage.batch(1)
			key := headers{"Idempotency-Key": "k"}.bearing(teacher)
			require.Equal(s.t, 202, call(s.t, "POST", s.plain.http(pipelines(batch)), wants("nlp"), key).status)
			return call(s.t, "POST", s.plain.http(pipelines(batch)), wants("spellcheck"), key)
		}},
	}
}

// theirs are the causes that lie with the services behind the gateway.
func theirs() []cause {
	rows := []cause{
		{"keys not loaded", 503, domain.ServiceUnavailable, func(s *scene) answer {
			token := harness.SignWith(map[string]any{"alg": "ES256"}, harness.Claims(s.teacher), harness.Secret)
			return call(s.t, "GET", s.keyless.http(status(s.batch)), "", headers{"Authorization": "Bearer " + token})
		}},
		{"open circuit", 503, domain.CircuitBreakerOpen, func(s *scene) answer {
			return s.in(world.Disconnect, s.platform.FailAggregator, func() answer {
				s.get(s.fragile, status(s.batch)).failure(s.t, 503, "CONNECTION_ERROR")
				return s.get(s.fragile, status(s.batch))
			})
		}},
		{"panic", 500, domain.UnknownError, func(s *scene) answer { return s.get(s.broken, status(s.batch)) }},
		{"no JSON from the orchestrator", 502, domain.InvalidResponse, func(s *scene) answer {
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
			cause{fmt.Sprint("aggregator, trouble ", end.kind), end.status, end.code, func(s *scene) answer {
				return s.in(end.kind, s.platform.FailAggregator, func() answer { return s.get(s.plain, status(s.batch)) })
			}},
			cause{fmt.Sprint("orchestrator, trouble ", end.kind), end.status, end.code, func(s *scene) answer {
				return s.in(end.kind, s.platform.FailOrchestrator, func() answer { return s.start(s.plain) })
			}})
		if end.kind == world.Disconnect || end.kind == world.Slow { // else they are passed on
			rows = append(rows,
				cause{fmt.Sprint("classes, trouble ", end.kind), end.status, end.code, func(s *scene) answer {
					return s.in(end.kind, s.platform.FailClasses, func() answer { return s.get(s.plain, "/v1/classes") })
				}},
				cause{fmt.Sprint("files, trouble ", end.kind), end.status, end.code, func(s *scene) answer {
					return s.in(end.kind, s.platform.FailFiles, func() answer { return s.upload(s.plain, formHead()+formTail(s.batch)) })
				}})
		}
	}
	return append(rows, cause{"refused topic", 500, domain.ConfigurationError, func(s *scene) answer {
		refusal := s.refuseCommands(29)
		defer refusal.Remove()
		return s.start(s.plain)
	}}, cause{"Kafka", 503, domain.KafkaPublishError, func(s *scene) answer {
		s.stopKafka() // the last row: it stays away
		return s.start(s.impatient)
	}})
}

// TestEveryCodeIsSeen drives every cause of every code through a socket. A code
// that is neither seen nor said to be out of reach fails the test.
func TestEveryCodeIsSeen(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	seen := map[domain.Code]int{}
	for _, c := range append(ours(), theirs()...) {
		a := c.come(s)
		require.Equal(t, c.status, a.status, "%s: %s", c.name, &a)
		a.failure(t, c.status, string(c.code))
		require.NotContains(t, string(a.body), "127.0.0.1", c.name)
		seen[c.code]++
		t.Logf("%-28s %d %s", c.name, c.status, c.code)
	}
	for _, code := range domain.Codes() {
		_, out := unseen()[code]
		require.Equal(t, out, seen[code] == 0, "%s was seen %d times", code, seen[code])
	}
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{stage: newStage(t, embedded(t)), t: t}
	s.teacher, s.batch = s.stage.batch(1)
	with := func(changes ...string) service {
		vars := s.passingVars()
		vars["API_GATEWAY_RATE_LIMIT_TIMEOUT"] = "10" // a busy machine is no absent Redis
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
	p, release, err := wire.Gateway(harness.GatewayConfig(t, s.vars), io.Discard, wire.GatewayOverride{Tokens: anyToken{}, Batches: falling{}})
	require.NoError(t, err)
	t.Cleanup(release)
	s.broken = service{harness.Run(t, p)}
	return s
}

// anyToken accepts every token as the name of its user.
type anyToken struct{}

// Validate returns the token as the user.
func (anyToken) Validate(_ context.Context, token string) (domain.Caller, error) {
	return domain.Caller{User: domain.UserID(token)}, nil
}

// falling is a client with a defect.
type falling struct{}

// Status panics.
func (falling) Status(context.Context, domain.Caller, domain.BatchID) (domain.BatchReport, error) {
	panic("a defect of " + uuid.NewString())
}

// List panics.
func (falling) List(context.Context, domain.Caller, domain.PlatformQuery) (domain.PlatformPage, error) {
	panic("a defect of " + uuid.NewString())
}
