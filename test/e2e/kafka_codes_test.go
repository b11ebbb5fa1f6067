package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
)

// publishRow is the HTTP response to an error code of the broker.
type publishRow struct {
	status int
	code   string
	// degraded: /readyz names Kafka.
	degraded bool
}

// publishRowOf returns the response to a code of the protocol, as the contract requires it.
func publishRowOf(code int16) publishRow {
	switch {
	case slices.Contains([]int16{10, 18}, code):
		return publishRow{413, "VALIDATION_ERROR", false}
	case slices.Contains([]int16{2, 87}, code):
		return publishRow{400, "VALIDATION_ERROR", false}
	case slices.Contains([]int16{
		3, 17, 21, 29, 30, 31, 32, 33, 34, 35, 37, 38, 39, 40, 42, 43, 44, 53, 54, 58,
		61, 62, 63, 64, 65, 66, 67, 76, 93, 97, 100, 104, 114, 115,
	}, code):
		return publishRow{500, "CONFIGURATION_ERROR", true}
	default:
		return publishRow{503, "KAFKA_PUBLISH_ERROR", true}
	}
}

// commandGateway is a gateway with its own broker, and a batch whose pipelines may always start.
type commandGateway struct {
	*environment

	gateway service
	teacher string
	batch   domain.BatchID
}

func newCommandGateway(t *testing.T, timeout string) *commandGateway {
	t.Helper()
	s := &commandGateway{environment: newEnvironment(t, embedded(t))}
	s.teacher, s.batch = s.environment.batch(1)
	s.platform.SetPreflightResponse(s.batch, world.FixedResponse{Status: 200, ContentType: "application/json", Body: []byte(`{"allowed":true}`)})
	s.gateway = s.environment.gateway(t, s.settings(map[string]string{
		"API_GATEWAY_KAFKA_PUBLISH_TIMEOUT": timeout, "API_GATEWAY_RATE_LIMIT_COMMANDS": "100000",
	}))
	s.awaitAccepted(t)
	return s
}

func (s *commandGateway) start(t *testing.T) response {
	t.Helper()
	return call(t, "POST", s.gateway.http(pipelinesPath(s.batch)), pipelineBody("nlp"), as(s.teacher))
}

// awaitAccepted waits until a command is published and the gateway is ready.
func (s *commandGateway) awaitAccepted(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return s.start(t).status == 202 }, waitLimit, waitLimit/1000)
	s.gateway.awaitReady(t, "ready")
}

func (s *commandGateway) readiness(t *testing.T) string {
	t.Helper()
	a := call(t, "GET", s.gateway.http("/readyz"), "", nil)
	require.Equal(t, 200, a.status, &a)
	return fmt.Sprint(a.object(t)["status"])
}

// TestEveryKafkaCodeOverHTTP serves each error code of the protocol to a running gateway. A code that
// is retried takes the whole publish timeout, of which the least is a second; therefore several
// gateways, each with its own broker, share the codes.
func TestEveryKafkaCodeOverHTTP(t *testing.T) {
	t.Parallel()
	const gateways = 8
	codes := world.KafkaCodes()
	for group := range slices.Chunk(codes, (len(codes)+gateways-1)/gateways) {
		t.Run(fmt.Sprintf("from %d", group[0]), func(t *testing.T) {
			t.Parallel()
			s := newCommandGateway(t, "1")
			for _, code := range group {
				t.Run(fmt.Sprintf("%d %s", code, world.KafkaCodeName(code)), func(t *testing.T) { s.checkCode(t, code) })
			}
		})
	}
}

// checkCode checks the response to a command that the broker refuses with the code.
func (s *commandGateway) checkCode(t *testing.T, code int16) {
	t.Helper()
	want := publishRowOf(code)
	refusal := s.refuseCommands(code)
	defer refusal.Remove()
	a := s.start(t)
	a.failure(t, want.status, want.code)
	require.Equal(t, want.status == 503, a.header.Get("Retry-After") != "", "Retry-After")
	require.NotContains(t, string(a.body), "127.0.0.1")
	readiness := "ready"
	if want.degraded {
		readiness = "degraded"
	}
	require.Equal(t, readiness, s.readiness(t))
	refusal.Remove()
	if want.degraded {
		s.awaitAccepted(t)
	}
}

// TestCommandOverTheLimitIs413 checks that the size of the record counts, in which markup is not escaped.
func TestCommandOverTheLimitIs413(t *testing.T) {
	t.Parallel()
	s := newCommandGateway(t, "5")
	prompt := func(text string) response {
		body := `{"requested_pipeline":"nlp","prompt_payload":{"cms_prompt_ref":{"references":{"student_prompt_text":{"storage_id":"` + text + `"}}}}}`
		return call(t, "POST", s.gateway.http(pipelinesPath(s.batch)), body, as(s.teacher))
	}
	for _, markup := range []string{"<", ">", "&"} {
		a := prompt(strings.Repeat(markup, 175_000))
		require.Equal(t, 202, a.status, &a)
	}
	a := prompt(strings.Repeat("x", 1_000_000))
	f := a.failure(t, 413, "VALIDATION_ERROR")
	require.InDelta(t, domain.MaxCommandBytes, f.Details["limit_bytes"], 0)
	require.Empty(t, a.header.Get("Retry-After"))
	require.Equal(t, "ready", s.readiness(t))
	metrics := string(call(t, "GET", s.gateway.http("/metrics"), "", nil).body)
	require.NotContains(t, metrics, `error_type="KAFKA_PUBLISH_ERROR"`)
	require.NotContains(t, metrics, `error_type="CONFIGURATION_ERROR"`)
}
