package httpclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/pause"
)

// requireOpen requires that the circuit refuses a call at once and that nothing is sent.
func requireOpen(t *testing.T, e *environment, wait time.Duration) {
	t.Helper()
	e.traffic()
	began := time.Now()
	_, err := e.get(t)
	refusal := domain.As(err)
	require.Equal(t, domain.CircuitBreakerOpen, refusal.Code, err)
	require.Equal(t, map[string]any{"circuit_name": e.service}, refusal.Details)
	require.Equal(t, wait, refusal.RetryAfter)
	require.Zero(t, time.Since(began), "at once")
	dials, requests := e.traffic()
	require.Zero(t, dials)
	require.Empty(t, requests)
}

func TestCircuitOpensAfterFailuresInARow(t *testing.T) {
	for name, fail := range map[string]func(*environment){
		"refused": func(e *environment) { e.refuseDials(-1) },
		"closes":  func(e *environment) { e.respondWith(func(*http.Request) string { return "" }) },
		"502":     func(e *environment) { e.respondStatus(502, "{}") },
		"503":     func(e *environment) { e.respondStatus(503, "{}") },
		"504":     func(e *environment) { e.respondStatus(504, "") },
		"slow":    func(e *environment) { e.respondWith(respondTooLate) },
		"slow body": func(e *environment) {
			e.respondWith(func(r *http.Request) string { return "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEnvironment(t, "class_management")
				status, err := e.get(t)
				require.NoError(t, err)
				require.Equal(t, 200, status)
				fail(e)
				for range 5 {
					_, err := e.get(t)
					require.NotEqual(t, domain.CircuitBreakerOpen, domain.CodeOf(err))
				}
				requireOpen(t, e, time.Minute)
				time.Sleep(45 * time.Second)
				requireOpen(t, e, 15*time.Second)
				time.Sleep(14500 * time.Millisecond)
				requireOpen(t, e, time.Second)
			})
		})
	}
}

func TestADisabledCircuitStaysClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnvironment(t, "class_management", func(c *Config) { c.CircuitBreakerEnabled = false })
		e.respondStatus(503, "{}")
		for range 20 {
			status, err := e.get(t)
			require.NoError(t, err)
			require.Equal(t, 503, status)
		}
		require.Equal(t, domain.CircuitStateClosed, e.circuit.state())
		_, requests := e.traffic()
		require.Len(t, requests, 20, "every call reached the service")
	})
}

func TestHalfOpenCircuitClosesAfterTwoGoodCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := withOpenCircuit(t)
		e.respondStatus(200, "{}")
		time.Sleep(time.Minute + time.Millisecond)
		for range 2 {
			_, err := e.get(t)
			require.NoError(t, err)
		}
		require.Equal(t, []domain.CircuitState{
			domain.CircuitStateClosed, domain.CircuitStateOpen, domain.CircuitStateHalfOpen, domain.CircuitStateClosed,
		}, e.circuitStates())
		for range 4 {
			e.refuseDials(-1)
			_, err := e.get(t)
			require.Equal(t, domain.ConnectionError, domain.CodeOf(err), "the failures count from zero")
		}
	})
}

func TestHalfOpenCircuitAdmitsTwoCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := withOpenCircuit(t)
		time.Sleep(time.Minute + time.Millisecond)
		release := make(chan struct{})
		e.respondWhen(release)
		outcomes := e.getConcurrently(t, 2)
		synctest.Wait()
		requireOpen(t, e, time.Second)
		close(release)
		require.NoError(t, <-outcomes)
		require.NoError(t, <-outcomes)
		_, err := e.get(t)
		require.NoError(t, err)
	})
}

func TestHalfOpenCircuitOpensAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := withOpenCircuit(t)
		time.Sleep(time.Minute + time.Millisecond)
		e.refuseDials(-1)
		e.traffic()
		_, err := e.get(t)
		require.Equal(t, domain.ConnectionError, domain.CodeOf(err))
		dials, _ := e.traffic()
		require.Equal(t, 1, dials, "a probe is not retried")
		requireOpen(t, e, time.Minute)
	})
}

func TestHalfOpenCircuitIgnoresACallerThatLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := withOpenCircuit(t)
		time.Sleep(time.Minute + time.Millisecond)
		e.respondWith(respondTooLate)
		for range 4 {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, nil)
			cancel()
			_, err := e.call(ctx, t, http.MethodGet, nil)
			require.ErrorIs(t, err, context.Canceled)
		}
		e.respondStatus(200, "{}")
		for range 3 {
			_, err := e.get(t)
			require.NoError(t, err)
		}
	})
}

// withOpenCircuit returns an environment whose circuit has just opened.
func withOpenCircuit(t *testing.T) *environment {
	t.Helper()
	e := newEnvironment(t, "class_management")
	e.respondStatus(503, "{}")
	for range 5 {
		_, err := e.get(t)
		require.NoError(t, err)
	}
	require.Equal(t, domain.CircuitStateOpen, e.circuit.state())
	return e
}

func TestOnlyFailuresInARowOpenTheCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnvironment(t, "class_management")
		for range 3 {
			e.respondStatus(503, "{}")
			for range 4 {
				_, _ = e.get(t)
			}
			e.respondStatus(200, "{}")
			_, err := e.get(t)
			require.NoError(t, err)
		}
	})
}

func TestOtherFailuresDoNotOpenTheCircuit(t *testing.T) {
	for name, call := range map[string]func(*testing.T, *environment) error{
		"500":                func(t *testing.T, e *environment) error { e.respondStatus(500, "{}"); _, err := e.get(t); return err },
		"404":                func(t *testing.T, e *environment) error { e.respondStatus(404, "{}"); _, err := e.get(t); return err },
		"429":                func(t *testing.T, e *environment) error { e.respondStatus(429, "{}"); _, err := e.get(t); return err },
		"501":                func(t *testing.T, e *environment) error { e.respondStatus(501, "{}"); _, err := e.get(t); return err },
		"malformed response": requireMalformed,
		"caller left": func(t *testing.T, e *environment) error {
			e.respondWith(respondTooLate)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			_, err := e.call(ctx, t, http.MethodGet, nil)
			require.ErrorIs(t, err, context.Canceled)
			return nil
		},
		"upload aborted": func(t *testing.T, e *environment) error {
			_, err := e.call(t.Context(), t, http.MethodPost, io.MultiReader(strings.NewReader("some"), failingReader{}))
			require.ErrorIs(t, err, errAborted)
			return nil
		},
		"upload stalled": func(t *testing.T, e *environment) error {
			stalled, end := io.Pipe()
			time.AfterFunc(20*time.Second, func() { _ = end.Close() })
			_, err := e.call(t.Context(), t, http.MethodPost, stalled)
			require.Equal(t, domain.Timeout, domain.CodeOf(err))
			pause.For(20*time.Second, "simulated: the test runs in synctest")
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEnvironment(t, "file_service")
				for range 12 {
					require.NoError(t, call(t, e))
				}
				require.Equal(t, domain.CircuitStateClosed, e.circuit.state())
				require.Equal(t, 100, e.bulkhead.free, "every slot was released")
				require.Empty(t, e.bulkhead.byUser)
			})
		})
	}
}

// requireMalformed makes a call whose response is malformed.
func requireMalformed(t *testing.T, e *environment) error {
	t.Helper()
	e.respondWith(func(*http.Request) string { return "HELLO\r\n\r\n" })
	_, err := e.get(t)
	require.Equal(t, domain.InvalidResponse, domain.CodeOf(err))
	return nil
}

var errAborted = errors.New("upload aborted")

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errAborted }

func TestUploadsWithoutAResponseOpenTheCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnvironment(t, "file_service")
		e.respondWith(respondTooLate)
		for range 5 {
			_, err := e.call(t.Context(), t, http.MethodPost, io.MultiReader(strings.NewReader("whole")))
			require.Equal(t, domain.Timeout, domain.CodeOf(err))
		}
		requireOpen(t, e, time.Minute)
	})
}

func TestASlowReaderOfTheResponseIsAGoodProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := withOpenCircuit(t)
		e.respondStatus(200, strings.Repeat("x", 100))
		time.Sleep(time.Minute + time.Millisecond)
		for range 2 {
			res, err := e.RoundTrip(newRequest(t.Context(), t, http.MethodGet, nil))
			require.NoError(t, err)
			t.Cleanup(func() { _ = res.Body.Close() })
			_, err = res.Body.Read(make([]byte, 1))
			require.NoError(t, err)
		}
		require.Equal(t, domain.CircuitStateClosed, e.circuit.state())
	})
}
