package httpclient

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// TestSlowUploadsReleaseTheirProbes: two uploads that do not end take the probes of a
// half-open circuit for one second at most.
func TestSlowUploadsReleaseTheirProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := withOpenCircuit(t)
		e.respondStatus(200, "{}")
		time.Sleep(time.Minute + time.Millisecond)
		outcomes := make(chan error, 2)
		var ends []*io.PipeWriter
		for range 2 {
			body, in := io.Pipe()
			ends = append(ends, in)
			req := newRequest(t.Context(), t, http.MethodPost, body)
			go func() {
				_, err := e.do(req)
				outcomes <- err
			}()
		}
		synctest.Wait()
		requireOpen(t, e, time.Second)
		time.Sleep(probeBodyTimeout)
		synctest.Wait()
		for range 2 {
			_, err := e.get(t)
			require.NoError(t, err)
		}
		require.Equal(t, domain.CircuitStateClosed, e.circuit.state())
		for _, in := range ends {
			require.NoError(t, in.Close())
			require.NoError(t, <-outcomes)
		}
	})
}

// TestAProbeHasADeadline: without a response the circuit opens again before the call's own
// timeout.
func TestAProbeHasADeadline(t *testing.T) {
	for name, body := range map[string]io.Reader{"without a body": nil, "with a body": strings.NewReader("body")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := withOpenCircuit(t)
				e.headerTimeout = time.Minute
				e.respondWith(func(*http.Request) string { time.Sleep(20 * time.Second); return response(200, "{}") })
				time.Sleep(time.Minute + time.Millisecond)
				outcome := make(chan error, 1)
				method := http.MethodGet
				if body != nil {
					method = http.MethodPost
				}
				req := newRequest(t.Context(), t, method, body)
				go func() {
					_, err := e.do(req)
					outcome <- err
				}()
				time.Sleep(probeResponseTimeout + time.Second)
				require.Equal(t, domain.CircuitStateOpen, e.circuit.state())
				require.NoError(t, <-outcome, "the call itself continues")
			})
		})
	}
}

// TestAnOpenEventStreamIsAGoodProbe: the header of a stream shows that the service is
// back, although no event follows for a long time.
func TestAnOpenEventStreamIsAGoodProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := withOpenCircuit(t)
		e.respondWith(func(*http.Request) string { return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" })
		time.Sleep(time.Minute + time.Millisecond)
		open := func() io.Closer {
			res, err := e.RoundTrip(newRequest(t.Context(), t, http.MethodGet, nil))
			require.NoError(t, err)
			return res.Body
		}
		first, second := open(), open()
		defer func() { require.NoError(t, errors.Join(first.Close(), second.Close())) }()
		time.Sleep(probeResponseTimeout + time.Second)
		require.Equal(t, domain.CircuitStateClosed, e.circuit.state())
	})
}
