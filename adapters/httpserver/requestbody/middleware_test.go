package requestbody_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver/requestbody"
	"github.com/huleedu/edge/domain"
)

// serve starts a server with the handler and returns its address.
func serve(draining context.Context, t *testing.T, readTimeout time.Duration, h http.HandlerFunc) string {
	t.Helper()
	bodies := requestbody.NewMiddleware(draining, h, readTimeout)
	server := httptest.NewServer(bodies)
	t.Cleanup(func() { server.Close(); bodies.Wait() })
	return server.Listener.Addr().String()
}

// result is the status of an answer and whether it announces the close.
type result struct {
	status int
	closes bool
}

// exchange sends a request and returns the result.
func exchange(t *testing.T, address, request string) result {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\n"+request)
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return result{response.StatusCode, response.Close}
}

// answered reports a result in the status: 200 without an error.
func answered(w http.ResponseWriter, err error) {
	switch {
	case err == nil:
		w.WriteHeader(http.StatusOK)
	case domain.CodeOf(err) == domain.Timeout:
		w.WriteHeader(http.StatusGatewayTimeout)
	case domain.CodeOf(err) == domain.ValidationError:
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	default:
		w.WriteHeader(http.StatusBadRequest)
	}
}

func TestReadAllReturnsTheBodyOrItsError(t *testing.T) {
	t.Parallel()
	address := serve(context.Background(), t, time.Second/2, func(w http.ResponseWriter, r *http.Request) {
		body, err := requestbody.ReadAll(r, 4)
		if err == nil && string(body) != "body" {
			err = errors.New("another body")
		}
		answered(w, err)
	})
	for request, want := range map[string]struct {
		status int
		closes bool
	}{
		"Content-Length: 4\r\n\r\nbody":                             {200, false},
		"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n":  {200, false},
		"Content-Length: 5\r\n\r\nlarge":                            {413, false},
		"Transfer-Encoding: chunked\r\n\r\n5\r\nlarge\r\n0\r\n\r\n": {413, false},
		"Content-Length: 1000000000\r\n\r\n":                        {413, true},
		"Transfer-Encoding: chunked\r\n\r\nzz\r\n":                  {400, true},
		"Content-Length: 4\r\n\r\nbo":                               {504, true},
	} {
		response := exchange(t, address, request)
		require.Equal(t, want.status, response.status, request)
		require.Equal(t, want.closes, response.closes, request)
	}
}

func TestStreamPassesTheBodyOnWithinItsLimits(t *testing.T) {
	t.Parallel()
	address := serve(context.Background(), t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
		stream := requestbody.Of(r).Stream(requestbody.StreamLimits{Bytes: 4, Idle: time.Second / 2, Until: time.Now().Add(time.Minute)})
		_, err := io.ReadAll(stream)
		if failure := stream.Failure(r.Context()); failure != nil {
			err = failure
		}
		_, direct := r.Body.Read(make([]byte, 1))
		if direct == nil {
			err = errors.New("two readers")
		}
		answered(w, err)
	})
	for request, status := range map[string]int{
		"Content-Length: 4\r\n\r\nbody":                             200,
		"Transfer-Encoding: chunked\r\n\r\n5\r\nlarge\r\n0\r\n\r\n": 413,
		"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\nzz\r\n":     400,
		"Content-Length: 4\r\n\r\nbo":                               504,
	} {
		require.Equal(t, status, exchange(t, address, request).status, request)
	}
}

func TestNilBodyIsEmpty(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	require.Nil(t, requestbody.Of(r))
	require.False(t, requestbody.Of(r).TimedOut())
	stream := requestbody.Of(r).Stream(requestbody.StreamLimits{})
	body, err := io.ReadAll(stream)
	require.NoError(t, err)
	require.Empty(t, body)
	require.NoError(t, stream.Failure(t.Context()))
	require.NoError(t, stream.Close())
}

func TestDrainShortensTheWaitForABody(t *testing.T) {
	t.Parallel()
	draining, drain := context.WithCancel(t.Context())
	started := make(chan struct{})
	address := serve(draining, t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
		close(started)
		_, err := requestbody.ReadAll(r, 1<<20)
		answered(w, err)
	})
	go func() { <-started; drain() }()
	began := time.Now()
	require.Equal(t, http.StatusGatewayTimeout, exchange(t, address, "Content-Length: 9\r\n\r\nbody").status)
	require.Less(t, time.Since(began), 15*time.Second)
}

func TestUnreadBodyAnnouncesTheClose(t *testing.T) {
	t.Parallel()
	address := serve(context.Background(), t, time.Minute, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for request, closes := range map[string]bool{
		"Content-Length: 4\r\n\r\nbody":                              false,
		"Content-Length: 9\r\n\r\nbody":                              true,
		"Content-Length: 1000000\r\n\r\n" + strings.Repeat("x", 100): true,
		"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n":          true,
	} {
		response := exchange(t, address, request)
		require.Equal(t, http.StatusTeapot, response.status, request)
		require.Equal(t, closes, response.closes, request)
	}
}
