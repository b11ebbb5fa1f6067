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

// requireOpen demands a refusal by the circuit that costs the service nothing.
func requireOpen(t *testing.T, r *rig, wait time.Duration) {
	t.Helper()
	r.seen()
	began := time.Now()
	_, err := r.get(t)
	e := domain.As(err)
	require.Equal(t, domain.CircuitBreakerOpen, e.Code, err)
	require.Equal(t, map[string]any{"circuit_name": r.service}, e.Details)
	require.Equal(t, wait, e.RetryAfter)
	require.Zero(t, time.Since(began), "at once")
	dials, asked := r.seen()
	require.Zero(t, dials)
	require.Empty(t, asked)
}

func TestCircuitOpens(t *testing.T) {
	for name, fail := range map[string]func(*rig){
		"refused":  func(r *rig) { r.refuse(-1) },
		"hangs up": func(r *rig) { r.does(func(*http.Request) string { return "" }) },
		"502":      func(r *rig) { r.answers(502, "{}") },
		"503":      func(r *rig) { r.answers(503, "{}") },
		"504":      func(r *rig) { r.answers(504, "") },
		"slow":     func(r *rig) { r.does(slow) },
		"slow body": func(r *rig) {
			r.does(func(r *http.Request) string { return "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := guarded(t, "class_management")
				status, err := r.get(t)
				require.NoError(t, err)
				require.Equal(t, 200, status)
				fail(r)
				for range 5 {
					_, err := r.get(t)
					require.NotEqual(t, domain.CircuitBreakerOpen, domain.CodeOf(err))
				}
				requireOpen(t, r, time.Minute)
				time.Sleep(45 * time.Second)
				requireOpen(t, r, 15*time.Second)
				time.Sleep(14500 * time.Millisecond)
				requireOpen(t, r, time.Second)
			})
		})
	}
}

func TestADisabledCircuitStaysClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := guarded(t, "class_management", func(c *Config) { c.CircuitBreakerEnabled = false })
		r.answers(503, "{}")
		for range 20 {
			status, err := r.get(t)
			require.NoError(t, err)
			require.Equal(t, 503, status)
		}
		require.Equal(t, domain.CircuitStateClosed, r.circuit.state())
		_, asked := r.seen()
		require.Len(t, asked, 20, "every call reached the service")
	})
}

// slow answers long after everybody has given up.
func slow(*http.Request) string {
	pause.For(time.Minute, "simulated: the callers run in synctest")
	return response(200, "{}")
}

func TestCircuitClosesAfterTwoGoodCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := opened(t)
		r.answers(200, "{}")
		time.Sleep(time.Minute + time.Millisecond)
		for range 2 {
			_, err := r.get(t)
			require.NoError(t, err)
		}
		require.Equal(t, []domain.CircuitState{
			domain.CircuitStateClosed, domain.CircuitStateOpen, domain.CircuitStateHalfOpen, domain.CircuitStateClosed,
		}, r.history())
		for range 4 {
			r.refuse(-1)
			_, err := r.get(t)
			require.Equal(t, domain.ConnectionError, domain.CodeOf(err), "counting begins anew")
		}
	})
}

func TestHalfOpenCircuitLetsTwoThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := opened(t)
		time.Sleep(time.Minute + time.Millisecond)
		release := make(chan struct{})
		r.does(func(*http.Request) string {
			<-release
			return response(200, "{}")
		})
		outcomes := make(chan error, 2)
		for range 2 {
			req := request(t.Context(), t, http.MethodGet, nil)
			go func() { outcomes <- r.whole(req) }()
		}
		synctest.Wait()
		requireOpen(t, r, time.Second)
		close(release)
		require.NoError(t, <-outcomes)
		require.NoError(t, <-outcomes)
		_, err := r.get(t)
		require.NoError(t, err)
	})
}

func TestHalfOpenCircuitOpensAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := opened(t)
		time.Sleep(time.Minute + time.Millisecond)
		r.refuse(-1)
		r.seen()
		_, err := r.get(t)
		require.Equal(t, domain.ConnectionError, domain.CodeOf(err))
		dials, _ := r.seen()
		require.Equal(t, 1, dials, "who tries a service out does not try twice")
		requireOpen(t, r, time.Minute)
	})
}

func TestHalfOpenCircuitForgetsAClientWhoLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := opened(t)
		time.Sleep(time.Minute + time.Millisecond)
		r.does(slow)
		for range 4 {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, nil)
			cancel()
			_, err := r.ask(ctx, t, http.MethodGet, nil)
			require.ErrorIs(t, err, context.Canceled)
		}
		r.answers(200, "{}")
		for range 3 {
			_, err := r.get(t)
			require.NoError(t, err)
		}
	})
}

// opened is a rig whose circuit has just opened.
func opened(t *testing.T) *rig {
	t.Helper()
	r := guarded(t, "class_management")
	r.answers(503, "{}")
	for range 5 {
		_, err := r.get(t)
		require.NoError(t, err)
	}
	require.Equal(t, domain.CircuitStateOpen, r.circuit.state())
	return r
}

func TestOnlyFailuresInARowOpenTheCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := guarded(t, "class_management")
		for range 3 {
			r.answers(503, "{}")
			for range 4 {
				_, _ = r.get(t)
			}
			r.answers(200, "{}")
			_, err := r.get(t)
			require.NoError(t, err)
		}
	})
}

func TestWhatOpensNoCircuit(t *testing.T) {
	for name, call := range map[string]func(*testing.T, *rig) error{
		"500":             func(t *testing.T, r *rig) error { r.answers(500, "{}"); _, err := r.get(t); return err },
		"404":             func(t *testing.T, r *rig) error { r.answers(404, "{}"); _, err := r.get(t); return err },
		"429":             func(t *testing.T, r *rig) error { r.answers(429, "{}"); _, err := r.get(t); return err },
		"501":             func(t *testing.T, r *rig) error { r.answers(501, "{}"); _, err := r.get(t); return err },
		"a broken answer": garbled,
		"a client that left": func(t *testing.T, r *rig) error {
			r.does(slow)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			_, err := r.ask(ctx, t, http.MethodGet, nil)
			require.ErrorIs(t, err, context.Canceled)
			return nil
		},
		"an upload that was aborted": func(t *testing.T, r *rig) error {
			_, err := r.ask(t.Context(), t, http.MethodPost, io.MultiReader(strings.NewReader("some"), broken{}))
			require.ErrorIs(t, err, errAborted)
			return nil
		},
		"an upload that stalled": func(t *testing.T, r *rig) error {
			stalled, end := io.Pipe()
			time.AfterFunc(20*time.Second, func() { _ = end.Close() })
			_, err := r.ask(t.Context(), t, http.MethodPost, stalled)
			require.Equal(t, domain.Timeout, domain.CodeOf(err))
			pause.For(20*time.Second, "simulated: the test runs in synctest")
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := guarded(t, "file_service")
				for range 12 {
					require.NoError(t, call(t, r))
				}
				require.Equal(t, domain.CircuitStateClosed, r.circuit.state())
				require.Equal(t, 100, r.bulkhead.free, "every place came back")
				require.Empty(t, r.bulkhead.byUser)
			})
		})
	}
}

func garbled(t *testing.T, r *rig) error {
	t.Helper()
	r.does(func(*http.Request) string { return "HELLO\r\n\r\n" })
	_, err := r.get(t)
	require.Equal(t, domain.InvalidResponse, domain.CodeOf(err))
	return nil
}

var errAborted = errors.New("the form is invalid")

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errAborted }

func TestAnUploadThatNobodyAnswersCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := guarded(t, "file_service")
		r.does(slow)
		for range 5 {
			_, err := r.ask(t.Context(), t, http.MethodPost, io.MultiReader(strings.NewReader("whole")))
			require.Equal(t, domain.Timeout, domain.CodeOf(err))
		}
		requireOpen(t, r, time.Minute)
	})
}

func TestASlowReaderDoesNotHoldTheCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := opened(t)
		r.answers(200, strings.Repeat("x", 100))
		time.Sleep(time.Minute + time.Millisecond)
		for range 2 {
			res, err := r.roundTrip(request(t.Context(), t, http.MethodGet, nil), time.Hour)
			require.NoError(t, err)
			t.Cleanup(func() { _ = res.Body.Close() })
			_, err = res.Body.Read(make([]byte, 1))
			require.NoError(t, err)
		}
		require.Equal(t, domain.CircuitStateClosed, r.circuit.state())
	})
}
