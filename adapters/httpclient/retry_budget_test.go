package httpclient

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestReadsAreRetriedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			e := newEnvironment(t, "class_management")
			e.refuseDials(1)
			_, err := e.call(t.Context(), t, method, nil)
			require.NoError(t, err, "the second attempt succeeds")
			dials, requests := e.traffic()
			require.Equal(t, 2, dials)
			require.Equal(t, []string{method}, requests)

			e.refuseDials(2)
			_, err = e.call(t.Context(), t, method, nil)
			require.Equal(t, domain.ConnectionError, domain.CodeOf(err))
			dials, _ = e.traffic()
			require.Equal(t, 2, dials)

			e.respondWith(func(*http.Request) string { return "" })
			_, err = e.call(t.Context(), t, method, nil)
			require.Equal(t, domain.ConnectionError, domain.CodeOf(err))
			_, requests = e.traffic()
			require.Equal(t, []string{method, method}, requests)
		}
	})
}

func TestWritesAreNotRetried(t *testing.T) {
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

// requireSentOnce sends two requests on one connection. The service closes it at the second,
// which net/http's Transport would retry.
func requireSentOnce(t *testing.T, method, key, body string) {
	t.Helper()
	e := newEnvironment(t, "class_management")
	first := true
	e.respondWith(func(req *http.Request) string {
		require.Equal(t, key != "", req.Header.Get(key) == "k1", "the key is forwarded")
		if first {
			first = false
			return response(200, "{}")
		}
		return ""
	})
	for i := range 2 {
		req := newRequest(t.Context(), t, method, strings.NewReader(body))
		if key != "" {
			req.Header.Set(key, "k1")
		}
		res, err := e.RoundTrip(req)
		require.Equal(t, i == 1, err != nil, err)
		if err == nil {
			_, _ = io.ReadAll(res.Body)
			require.NoError(t, res.Body.Close())
		}
	}
	dials, requests := e.traffic()
	require.Equal(t, 1, dials, "%s %q %q", method, key, body)
	require.Equal(t, []string{method, method}, requests, "%s %q %q", method, key, body)
}

func TestWritesAreNotRetriedAfterARefusedConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnvironment(t, "class_management")
		e.refuseDials(1)
		_, err := e.call(t.Context(), t, http.MethodPost, strings.NewReader("x"))
		require.Equal(t, domain.ConnectionError, domain.CodeOf(err))
		dials, _ := e.traffic()
		require.Equal(t, 1, dials)
	})
}

func TestOnlyConnectionErrorsAreRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnvironment(t, "class_management", func(c *Config) { c.FailureThreshold = 1000 })
		for _, status := range []int{500, 502, 503, 504} {
			e.respondStatus(status, "{}")
			_, err := e.get(t)
			require.NoError(t, err)
		}
		require.NoError(t, requireMalformed(t, e))
		e.renewPool()
		_, requests := e.traffic()
		require.Equal(t, slices.Repeat([]string{"GET"}, 5), requests)

		e.respondWith(respondTooLate)
		_, err := e.get(t)
		require.Equal(t, domain.Timeout, domain.CodeOf(err))
		_, requests = e.traffic()
		require.Len(t, requests, 1)

		ctx, cancel := context.WithCancel(t.Context())
		e.respondWith(func(*http.Request) string {
			cancel()
			synctest.Wait()
			return ""
		})
		_, err = e.call(ctx, t, http.MethodGet, nil)
		require.ErrorIs(t, err, context.Canceled)
		_, requests = e.traffic()
		require.Len(t, requests, 1, "no retry after the caller has left")
	})
}

func TestRetriesAreATenthOfTheCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnvironment(t, "class_management", func(c *Config) { c.FailureThreshold = 1 << 20 })
		e.refuseDials(-1)
		const calls = 1000
		for range calls {
			_, err := e.get(t)
			require.Error(t, err)
		}
		dials, _ := e.traffic()
		require.LessOrEqual(t, dials, calls+calls/10+10)
		require.GreaterOrEqual(t, dials, calls+calls/10)
		require.GreaterOrEqual(t, newRetryBudget().tokens.Load(), int64(maxSavedRetries*callsPerRetry), "a new process may retry some calls")
	})
}
