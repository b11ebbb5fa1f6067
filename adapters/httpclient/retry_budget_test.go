package httpclient

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestReadsAreRepeatedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			r := guarded(t, "class_management")
			r.refuse(1)
			_, err := r.ask(t.Context(), t, method, nil)
			require.NoError(t, err, "the second try found it")
			dials, asked := r.seen()
			require.Equal(t, 2, dials)
			require.Equal(t, []string{method}, asked)

			r.refuse(2)
			_, err = r.ask(t.Context(), t, method, nil)
			require.Equal(t, domain.ConnectionError, domain.CodeOf(err))
			dials, _ = r.seen()
			require.Equal(t, 2, dials)

			r.does(func(*http.Request) string { return "" })
			_, err = r.ask(t.Context(), t, method, nil)
			require.Equal(t, domain.ConnectionError, domain.CodeOf(err))
			_, asked = r.seen()
			require.Equal(t, []string{method, method}, asked)
		}
	})
}

func TestNothingElseIsSentTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			for _, key := range []string{"", "Idempotency-Key", "X-Idempotency-Key"} {
				for _, body := range []string{"", "body"} {
					requireSentOnce(t, method, key, body)
				}
			}
		}
	})
}

// requireSentOnce sends two requests over one connection; the service hangs up
// on the second, which is where net/http would try again by itself.
func requireSentOnce(t *testing.T, method, key, body string) {
	t.Helper()
	r := guarded(t, "class_management")
	first := true
	r.does(func(in *http.Request) string {
		require.Equal(t, key != "", in.Header.Get(key) == "k1", "the key travels")
		if first {
			first = false
			return response(200, "{}")
		}
		return ""
	})
	for i := range 2 {
		req := request(t.Context(), t, method, strings.NewReader(body))
		if key != "" {
			req.Header.Set(key, "k1")
		}
		res, err := r.roundTrip(req, time.Second)
		require.Equal(t, i == 1, err != nil, err)
		if err == nil {
			_, _ = io.ReadAll(res.Body)
			require.NoError(t, res.Body.Close())
		}
	}
	dials, asked := r.seen()
	require.Equal(t, 1, dials, "%s %q %q", method, key, body)
	require.Equal(t, []string{method, method}, asked, "%s %q %q", method, key, body)
}

func TestRefusedWritesAreNotRepeatedEither(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := guarded(t, "class_management")
		r.refuse(1)
		_, err := r.ask(t.Context(), t, http.MethodPost, strings.NewReader("x"))
		require.Equal(t, domain.ConnectionError, domain.CodeOf(err))
		dials, _ := r.seen()
		require.Equal(t, 1, dials)
	})
}

func TestWhatIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := guarded(t, "class_management", func(c *Config) { c.FailureThreshold = 1000 })
		for _, status := range []int{500, 502, 503, 504} {
			r.answers(status, "{}")
			_, err := r.get(t)
			require.NoError(t, err)
		}
		require.NoError(t, garbled(t, r))
		r.does(func(*http.Request) string { return "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx" })
		r.CloseIdleConnections()
		_, asked := r.seen()
		require.Equal(t, slices.Repeat([]string{"GET"}, 5), asked)

		r.does(slow)
		_, err := r.get(t)
		require.Equal(t, domain.Timeout, domain.CodeOf(err))
		_, asked = r.seen()
		require.Len(t, asked, 1)

		ctx, cancel := context.WithCancel(t.Context())
		r.does(func(*http.Request) string {
			cancel()
			synctest.Wait()
			return ""
		})
		_, err = r.ask(ctx, t, http.MethodGet, nil)
		require.ErrorIs(t, err, context.Canceled)
		_, asked = r.seen()
		require.Len(t, asked, 1, "never after the client has gone")
	})
}

func TestRetriesHaveABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := guarded(t, "class_management", func(c *Config) { c.FailureThreshold = 1 << 20 })
		r.refuse(-1)
		const calls = 1000
		for range calls {
			_, err := r.get(t)
			require.Error(t, err)
		}
		dials, _ := r.seen()
		require.LessOrEqual(t, dials, calls+calls/10+10)
		require.GreaterOrEqual(t, dials, calls+calls/10)
		require.GreaterOrEqual(t, newRetryBudget().tokens.Load(), int64(maxSavedRetries*callsPerRetry), "a fresh process may repeat some")
	})
}
