package httpserver_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/requests"
)

const step = 100 * time.Millisecond

// withShortTimeouts sets timeouts of five steps.
func withShortTimeouts(t *testing.T, address string) []change {
	t.Helper()
	return []change{
		withForwarder(t, address, func(c *httpclient.Config) { c.Timeout, c.StreamIdleTimeout = 5*step, 5*step }),
		with(func(p *httpserver.GatewayParts) { p.Config.AnswerTimeout = 5 * step }),
	}
}

// writeSlowly writes pieces at intervals that are shorter than the idle limit.
func writeSlowly(conn io.Writer, pieces int, formPart string) {
	ticks := time.NewTicker(step)
	defer ticks.Stop()
	for range pieces {
		<-ticks.C
		_, _ = io.WriteString(conn, formPart)
	}
}

// TestStalledAnswersTimeOut checks that a service that stops within its answer is named, and
// that the connection is closed.
func TestStalledAnswersTimeOut(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	defer close(hang)
	for _, begun := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
	} {
		address := newScriptedService(t, func(_ *http.Request, conn net.Conn) bool { write(conn, begun); <-hang; return false })
		w := newEnvironment(t, withShortTimeouts(t, address)...)
		answer := sendRaw(t, w.Addr(), "GET /v1/classes/a HTTP/1.1\r\nHost: h\r\n"+bearer+"\r\n\r\n")
		require.Contains(t, answer, "HTTP/1.1 200 ")
		require.False(t, strings.HasSuffix(answer, "0\r\n\r\n"), answer)
		require.Eventually(t, func() bool { return len(w.failed()) == 1 }, 5*time.Second, tick)
		require.Equal(t, domain.Timeout, w.failed()[0].Code)
	}
}

// openEventStream opens an event stream.
func openEventStream(t *testing.T, w *environment, user string) (status int, in *bufio.Reader) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.base+"/v1/classes/events", http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+user)
	response := send(t, request)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response.StatusCode, bufio.NewReader(response.Body)
}

// newEventService starts a service whose event streams stay open.
func newEventService(t *testing.T) string {
	t.Helper()
	return newScriptedService(t, func(r *http.Request, conn net.Conn) bool {
		if !strings.HasSuffix(r.URL.Path, "/events") {
			write(conn, okResponse)
			return true
		}
		write(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\ndata: 1\n\n")
		_, _ = conn.Read(make([]byte, 1)) // until the gateway closes it
		return false
	})
}

// TestEventStreamsHaveTheirOwnLimit checks that a user has at most 16, and that they do not
// count as ordinary calls.
func TestEventStreamsHaveTheirOwnLimit(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t, withForwarder(t, newEventService(t), func(c *httpclient.Config) { c.MaxConcurrency = 4 }))
	for range 16 {
		status, in := openEventStream(t, w, "u1")
		require.Equal(t, 200, status)
		line, err := in.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "data: 1\n", line)
	}
	r := call(t, "GET", w.base+"/v1/classes/events", "", bearer)
	requireError(t, r, 503, domain.ServiceUnavailable)
	require.Equal(t, "5", r.Header.Get("Retry-After"))
	for range 8 {
		require.Equal(t, 200, call(t, "GET", w.base+"/v1/classes/a", "", bearer).StatusCode)
	}
	status, in := openEventStream(t, w, "u2")
	require.Equal(t, 200, status, "another user has another limit")
	_, err := in.ReadString('\n')
	require.NoError(t, err)
}

// TestDrainEndsEventStreams checks that streams end without an error and do not delay a
// shutdown.
func TestDrainEndsEventStreams(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t, withForwarder(t, newEventService(t), nil))
	_, in := openEventStream(t, w, "u1")
	_, err := in.ReadString('\n')
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	require.NoError(t, w.Shutdown(ctx))
	rest, err := io.ReadAll(in)
	require.NoError(t, err, "a regular end")
	require.Equal(t, "\n", string(rest))
	require.Equal(t, 200, w.served()[0].Status)
	require.Empty(t, w.failed())
}

// TestEventStreamsHaveNoTotalTimeout checks a stream that takes longer than the answer
// timeout.
func TestEventStreamsHaveNoTotalTimeout(t *testing.T) {
	t.Parallel()
	address := newScriptedService(t, func(_ *http.Request, conn net.Conn) bool {
		write(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
		writeSlowly(conn, 15, "data: 1\n\n")
		return false
	})
	w := newEnvironment(t, withShortTimeouts(t, address)...)
	_, in := openEventStream(t, w, "u1")
	text, err := io.ReadAll(in)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("data: 1\n\n", 15), string(text))
}

// TestRefusalsDoNotWaitForTheirBody checks refusals of the file service whose bodies stall.
func TestRefusalsDoNotWaitForTheirBody(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	defer close(hang)
	for _, status := range []int{400, 403, 404, 409, 500, 503} {
		s := newFileService(t)
		s.answer = func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Length", "10")
			rw.WriteHeader(status)
			_ = http.NewResponseController(rw).Flush()
			<-hang
		}
		began := time.Now()
		r := upload(t, s.environment(t, nil), requests.GoodForm())
		require.GreaterOrEqual(t, r.StatusCode, 400)
		require.Less(t, time.Since(began), 10*time.Second, status)
	}
}

// TestLocationsOfServicesBecomePaths checks that no redirect leads to a service.
func TestLocationsOfServicesBecomePaths(t *testing.T) {
	t.Parallel()
	answer := make(chan string, 1)
	address := newScriptedService(t, func(_ *http.Request, conn net.Conn) bool {
		value := <-answer
		write(conn, "HTTP/1.1 302 Found\r\nLocation: "+value+"\r\nContent-Location: "+value+"\r\nContent-Length: 0\r\n\r\n")
		return true
	})
	w := newEnvironment(t, withForwarder(t, address, nil), with(func(p *httpserver.GatewayParts) {
		p.Classes.URL += "/base"
		p.Services = []string{address + "/base", "http://CMS", "https://bff:443/", "http://bos:5000/api"}
	}))
	host := strings.TrimPrefix(address, "http://")
	for value, want := range map[string]string{
		address + "/base/v1/classes/":                     "/v1/classes/",
		address + "/base/v1/classes/a?b=1&b=%202#c":       "/v1/classes/a?b=1&b=%202#c",
		"https://" + host + "/base/v1/classes/a%20b":      "/v1/classes/a%20b",
		"//" + host + "/base/v1/classes":                  "/v1/classes",
		"http://user:secret@" + host + "/base/v1/classes": "/v1/classes",
		address + "/base/v1/classesx":                     "",
		address + "/base/internal/x":                      "",
		address + "/base/bff/v1/teacher/x":                "",
		address + "/base/v1/classes/../../internal":       "",
		address + "/other/v1/classes/a":                   "",
		"http://cms/v1/classes/a":                         "/v1/classes/a",
		"https://cms/v1/classes/a":                        "/v1/classes/a",
		"http://cms:80/v1/classes/a":                      "/v1/classes/a",
		"http://cms.:80/v1/classes/a":                     "/v1/classes/a",
		"http://bff/v1/classes/a":                         "/v1/classes/a",
		"http://bff:443/v1/classes/a":                     "/v1/classes/a",
		"http://bos:5000/api/v1/batches":                  "",
		`http:\\cms\v1\classes`:                           "",
		"http:cms/v1":                                     "",
		"http://cms:5002/v1/classes/a":                    "http://cms:5002/v1/classes/a",
		"https://login.example/v1/classes?x=1":            "https://login.example/v1/classes?x=1",
		"///" + host + "/base/v1/classes/a":               "",
		"////cms/v1/classes/a":                            "",
		"http://cms:0080/v1/classes/a":                    "/v1/classes/a",
		"/v1/other":                                       "/v1/other",
		"a?b":                                             "a?b",
		"mailto:a@b.example":                              "mailto:a@b.example",
	} {
		answer <- value
		r := call(t, "GET", w.base+"/v1/classes/a", "", bearer)
		require.Equal(t, 302, r.StatusCode)
		for _, name := range []string{"Location", "Content-Location"} {
			require.Equal(t, want, r.Header.Get(name), "%s: %s", name, value)
			if want == "" {
				require.NotContains(t, r.Header, name)
			}
		}
	}
}

// TestClientsThatReadNothingAreDisconnected checks the write deadline of forwarded answers.
func TestClientsThatReadNothingAreDisconnected(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	address := newScriptedService(t, func(_ *http.Request, conn net.Conn) bool {
		write(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
		_, err := io.Copy(conn, io.LimitReader(endlessReader{}, 1_000_000_000))
		ended <- err
		return false
	})
	w := newEnvironment(t, withForwarder(t, address, nil))
	dial(t, w.Addr(), "GET /v1/classes/a HTTP/1.1\r\nHost: h\r\n"+bearer+"\r\n\r\n")
	select {
	case err := <-ended:
		require.Error(t, err)
	case <-time.After(45 * time.Second):
		t.Fatal(errors.New("the gateway did not disconnect"))
	}
	require.Eventually(t, func() bool { return len(w.served()) == 1 }, 5*time.Second, tick)
	require.Equal(t, 499, w.served()[0].Status)
}
