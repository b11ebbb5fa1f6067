package httpclient

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/huleedu/edge/adapters/httpclient/transport"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
)

// TestFailedExchangesAreClassified has an exchange whose caller left, and the reasons of the others in the
// order in which they decide.
func TestFailedExchangesAreClassified(t *testing.T) {
	const limit, connect, idle = 7 * time.Second, 3 * time.Second, 5 * time.Second
	g := &guard{service: "cms", connect: connect}
	left, leave := context.WithCancel(t.Context())
	leave()
	late, stop := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer stop()
	for name, row := range map[string]struct {
		ctx     context.Context
		failure transport.Failure
		cause   error
		code    domain.Code
		timeout time.Duration
	}{
		"the caller left":         {left, transport.Failure{Expired: true, Started: true}, io.EOF, domain.ConnectionError, 0},
		"deadline of the context": {late, transport.Failure{Started: true}, io.EOF, domain.Timeout, limit},
		"deadline of the call":    {t.Context(), transport.Failure{Expired: true, Timeout: idle}, io.EOF, domain.Timeout, limit},
		"timeout of a step":       {t.Context(), transport.Failure{Timeout: idle, Started: true}, os.ErrDeadlineExceeded, domain.Timeout, idle},
		"timeout of the dial":     {t.Context(), transport.Failure{}, os.ErrDeadlineExceeded, domain.Timeout, connect},
		"within the response":     {t.Context(), transport.Failure{Started: true}, io.EOF, domain.InvalidResponse, 0},
		"before the response":     {t.Context(), transport.Failure{}, io.EOF, domain.ConnectionError, 0},
	} {
		e := g.classify(row.ctx, limit, errors.Join(row.cause, &row.failure))
		require.Equal(t, row.code, e.Code, name)
		if row.timeout > 0 {
			require.InDelta(t, row.timeout.Seconds(), e.Details["timeout_seconds"], 0, name)
		}
	}
}

func TestRetriesNeedATenthOfACallEach(t *testing.T) {
	r := newRetryBudget()
	r.deposit()
	for range maxSavedRetries {
		require.True(t, r.withdraw())
	}
	require.False(t, r.withdraw(), "a full budget saves no more")
	for range callsPerRetry - 1 {
		r.deposit()
	}
	require.False(t, r.withdraw())
	r.deposit()
	require.True(t, r.withdraw())
	require.False(t, r.withdraw())
}

func TestARetryIsAnEventOfTheSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := tracetest.NewSpanRecorder()
		e := newEnvironment(t, "class_management")
		for refusals, events := range []int{0, 1} {
			ctx, span := sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder)).Tracer("").Start(t.Context(), "call")
			e.refuseDials(refusals)
			e.renewPool()
			_, err := e.call(ctx, t, http.MethodGet, nil)
			require.NoError(t, err)
			span.End()
			require.Len(t, recorder.Ended()[refusals].Events(), events)
		}
	})
}

// TestOnlyProbesHaveADeadlineForTheirOutcome checks when an outcome is reported by itself.
func TestOnlyProbesHaveADeadlineForTheirOutcome(t *testing.T) {
	for name, row := range map[string]struct {
		probe, body, sent bool
		want              error
		after             time.Duration
	}{
		"call":                {false, false, false, nil, 0},
		"call with a body":    {false, true, true, nil, 0},
		"probe":               {true, false, false, errUnhealthy, probeResponseTimeout},
		"probe with a body":   {true, true, false, errInconclusive, probeBodyTimeout},
		"probe with its body": {true, true, true, errUnhealthy, probeResponseTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var outcomes []error
				var after time.Duration
				began := time.Now()
				r := newOutcomeReport(func(err error) { outcomes, after = append(outcomes, err), time.Since(began) }, row.probe, row.body)
				if row.sent {
					r.requestSent()
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				if row.want == nil {
					require.Empty(t, outcomes)
				} else {
					require.Equal(t, []error{row.want}, outcomes)
					require.Equal(t, row.after, after)
				}
				r.report(nil)
				require.Len(t, outcomes, 1, "only the first report counts")
			})
		})
	}
}

// TestOperatorsSeeTheStateOfAService checks a closed circuit after a failure, an open one, and one that is
// closed again.
func TestOperatorsSeeTheStateOfAService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnvironment(t, "class_management")
		call := func() { _, _ = e.call(t.Context(), t, http.MethodGet, nil) }
		call()
		require.Equal(t, domain.CircuitReport{Service: "class_management", State: domain.CircuitStateClosed, IdleConnections: 1}, e.Circuits()[0])
		e.respondStatus(http.StatusServiceUnavailable, "{}")
		call()
		require.Equal(t, 1, e.Circuits()[0].Failures)
		for range 4 {
			call()
		}
		require.Equal(t, domain.CircuitReport{Service: "class_management", State: domain.CircuitStateOpen, Failures: 5, IdleConnections: 1}, e.Circuits()[0])
		require.True(t, e.bulkhead.acquire("u1"))
		require.Equal(t, 1, e.Circuits()[0].InFlight)
		e.bulkhead.release("u1")
	})
}

// TestACircuitIsLoggedWithItsCause checks the log of a service that fails and works again.
func TestACircuitIsLoggedWithItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		c := Config{CircuitBreakerEnabled: true, FailureThreshold: 1, RecoveryTimeout: time.Minute, SuccessThreshold: 1}
		g := newGuard("cms", c, recorded.NoFacts{}, slog.New(slog.NewTextHandler(&log, nil)))
		report, _, err := g.circuit.allow()
		require.NoError(t, err)
		report(unhealthyStatus(503))
		require.Contains(t, log.String(), "circuit opened: service is unhealthy: status 503")
		time.Sleep(time.Minute + time.Second)
		g.circuit.reportHealth(nil)
		require.NotContains(t, log.String(), "is back", "calls are still refused")
		report, probe, err := g.circuit.allow()
		require.NoError(t, err)
		require.True(t, probe)
		report(nil)
		require.Contains(t, log.String(), "is back")
	})
}

func TestHealthChecksAreLogged(t *testing.T) {
	var log strings.Builder
	c := Config{CircuitBreakerEnabled: true, FailureThreshold: 1, RecoveryTimeout: time.Minute, SuccessThreshold: 1}
	g := newGuard("cms", c, recorded.NoFacts{}, slog.New(slog.NewTextHandler(&log, nil)))
	g.circuit.reportHealth(errors.New("refused"))
	require.Contains(t, log.String(), "refused")
	require.NotContains(t, log.String(), "is back")
	g.circuit.reportHealth(nil)
	require.Contains(t, log.String(), "is back")
}

func TestLogsNameTheAddressOfAService(t *testing.T) {
	c := Config{
		ResultAggregatorURL: "http://aggregator:1", OrchestratorURL: "http://orchestrator:2", ClassesURL: "http://classes:3",
		TeacherURL: "http://teacher:4", FilesURL: "http://files:5",
	}
	for service, want := range map[string]string{
		"result_aggregator": "http://aggregator:1", "batch_orchestrator": "http://orchestrator:2", "class_management": "http://classes:3", "bff_teacher": "http://teacher:4",
		"file_service": "http://files:5", "other": "",
	} {
		require.Equal(t, want, c.address(service), service)
	}
}

func TestOnlySuccessesAreOK(t *testing.T) {
	for status, want := range map[int]bool{199: false, 200: true, 299: true, 300: false, 404: false} {
		require.Equal(t, want, isOK(status), status)
	}
}

// TestBodiesAreBounded checks the maximum with a length that is announced, and without.
func TestBodiesAreBounded(t *testing.T) {
	for size, want := range map[int]error{maxResponseBody: nil, maxResponseBody + 1: errResponseTooLarge} {
		for _, announced := range []int64{int64(size), -1} {
			ctx := domain.WithMemory(t.Context(), domain.NewMemoryBudget(64<<20).Lease())
			res := &http.Response{StatusCode: http.StatusOK, ContentLength: announced, Body: io.NopCloser(strings.NewReader(strings.Repeat("x", size)))}
			body, err := readBody(ctx, res)
			require.ErrorIs(t, err, want)
			require.Equal(t, want == nil, len(body) == size)
		}
	}
}

// TestABodyTakesItsAnnouncedLength checks the memory of a body that arrives byte by byte.
func TestABodyTakesItsAnnouncedLength(t *testing.T) {
	const size = maxDiscard + 100
	for memory, want := range map[int64]error{size: nil, size - 1: errNoMemory} {
		body, err := readWithLease(iotest.OneByteReader(strings.NewReader(strings.Repeat("x", size))), size, domain.NewMemoryBudget(memory).Lease())
		require.ErrorIs(t, err, want)
		require.Equal(t, want == nil, len(body) == size)
	}
}

func TestCopiesOfAResponseTakeMemory(t *testing.T) {
	lease := domain.NewMemoryBudget(10).Lease()
	require.NoError(t, reserveCopies(lease, "cms", 2, serviceResponse{body: []byte("12345")}))
	err := reserveCopies(lease, "cms", 1, serviceResponse{body: []byte("1")})
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
}
