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

// TestSlowBodiesHoldNoProbe: two uploads that never end leave the places of a
// half-open circuit to others within a second.
func TestSlowBodiesHoldNoProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := opened(t)
		r.answers(200, "{}")
		time.Sleep(time.Minute + time.Millisecond)
		outcomes := make(chan error, 2)
		var ends []*io.PipeWriter
		for range 2 {
			body, in := io.Pipe()
			ends = append(ends, in)
			req := request(t.Context(), t, http.MethodPost, body)
			go func() { outcomes <- r.whole(req) }()
		}
		synctest.Wait()
		requireOpen(t, r, time.Second)
		time.Sleep(probeBodyTimeout)
		synctest.Wait()
		for range 2 {
			_, err := r.get(t)
			require.NoError(t, err)
		}
		require.Equal(t, domain.CircuitStateClosed, r.circuit.state())
		for _, in := range ends {
			require.NoError(t, in.Close())
			require.NoError(t, <-outcomes)
		}
	})
}

// TestAProbeHasADeadline: a service that is tried out and says nothing opens the
// circuit again before the call's own limit.
func TestAProbeHasADeadline(t *testing.T) {
	for name, body := range map[string]io.Reader{"without a body": nil, "with a body": strings.NewReader("body")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := opened(t)
				r.headerTimeout = time.Minute
				r.does(func(*http.Request) string { time.Sleep(20 * time.Second); return response(200, "{}") })
				time.Sleep(time.Minute + time.Millisecond)
				outcome := make(chan error, 1)
				method := http.MethodGet
				if body != nil {
					method = http.MethodPost
				}
				req := request(t.Context(), t, method, body)
				go func() {
					res, err := r.RoundTrip(req)
					if err == nil {
						_, err = io.Copy(io.Discard, res.Body)
						_ = res.Body.Close()
					}
					outcome <- err
				}()
				time.Sleep(probeResponseTimeout + time.Second)
				require.Equal(t, domain.CircuitStateOpen, r.circuit.state())
				require.NoError(t, <-outcome, "the call itself goes on")
			})
		})
	}
}

// TestAnOpenEventStreamIsAGoodProbe: the header of a stream shows that the service is
// back, although no event follows for a long time.
func TestAnOpenEventStreamIsAGoodProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := opened(t)
		r.does(func(*http.Request) string { return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" })
		time.Sleep(time.Minute + time.Millisecond)
		open := func() io.Closer {
			res, err := r.roundTrip(request(t.Context(), t, http.MethodGet, nil), 10*time.Second)
			require.NoError(t, err)
			return res.Body
		}
		first, second := open(), open()
		defer func() { require.NoError(t, errors.Join(first.Close(), second.Close())) }()
		time.Sleep(probeResponseTimeout + time.Second)
		require.Equal(t, domain.CircuitStateClosed, r.circuit.state())
	})
}
