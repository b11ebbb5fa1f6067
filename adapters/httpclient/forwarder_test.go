package httpclient_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
)

func forwarder(tb testing.TB, timeout time.Duration) *httpclient.Forwarder {
	tb.Helper()
	c := config("http://x", "")
	c.Timeout, c.StreamIdleTimeout = timeout, timeout
	f := httpclient.NewForwarder("class_management", c, &memory.Facts{}, slog.New(slog.DiscardHandler))
	tb.Cleanup(f.CloseIdleConnections)
	return f
}

// forward sends a body and returns that of the response.
func forward(ctx context.Context, tb testing.TB, f *httpclient.Forwarder, target string) (string, error) {
	tb.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader("body"))
	require.NoError(tb, err)
	res, err := f.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

func TestForwarderDoesNotChangeRequests(t *testing.T) {
	s := serve(t, 200, `{}`)
	body, err := forward(t.Context(), t, forwarder(t, time.Second), s.URL+"/v1/x?a=1&a=2")
	require.NoError(t, err)
	require.Equal(t, "{}", body)
	require.Equal(t, "/v1/x?a=1&a=2", s.lastRequest().RequestURI)
	require.Equal(t, http.Header{"User-Agent": {"Go-http-client/1.1"}, "Content-Length": {"4"}}, s.lastRequest().Header)
	require.Equal(t, "body", string(s.received))
}

func TestForwarderDoesNotFollowRedirects(t *testing.T) {
	s := httptest.NewServer(http.RedirectHandler("http://elsewhere/", http.StatusFound))
	defer s.Close()
	_, err := forward(t.Context(), t, forwarder(t, time.Second), s.URL)
	require.NoError(t, err)
}

func TestForwarderClassifiesFailures(t *testing.T) {
	closed := serve(t, 200, "")
	closed.Close()
	for target, code := range map[string]domain.Code{
		closed.URL:                    domain.ConnectionError,
		serveText(t, ""):              domain.ConnectionError,
		serveText(t, "HELLO\r\n\r\n"): domain.InvalidResponse,
		serveText(t, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"): domain.InvalidResponse,
	} {
		_, err := forward(t.Context(), t, forwarder(t, time.Second), target)
		_, ours := errors.AsType[*domain.Error](err)
		require.True(t, ours, err)
		require.Equal(t, code, domain.CodeOf(err), err)
		require.NotContains(t, domain.PublicMessage(err), "127.0.0.1")
	}
	for _, begin := range []string{"", `{"a":`} {
		_, err := forward(t.Context(), t, forwarder(t, 50*time.Millisecond), stalled(t, begin))
		require.Equal(t, domain.Timeout, domain.CodeOf(err), err)
		require.Equal(t, map[string]any{"timeout_seconds": 0.05}, domain.As(err).Details)
	}
}

func TestForwarderReturnsCanceledForACallerThatLeft(t *testing.T) {
	for _, begin := range []string{"", `{"a":`} {
		ctx, cancel := context.WithCancel(t.Context())
		timer := time.AfterFunc(20*time.Millisecond, cancel)
		_, err := forward(ctx, t, forwarder(t, time.Minute), stalled(t, begin))
		timer.Stop()
		require.ErrorIs(t, err, context.Canceled)
		_, ours := errors.AsType[*domain.Error](err)
		require.True(t, ours)
	}
}
