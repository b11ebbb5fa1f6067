package httpserver_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/requests"
)

// leaving is a request whose client leaves.
type leaving struct {
	method, path, body string
	// missing is the number of announced bytes that the client does not send.
	missing int
	// waits reports that a service is called and waits until the gateway cancels the call.
	// Otherwise no service gets a complete request.
	waits bool
}

// request returns the bytes that the client sends.
func (l leaving) request() string {
	media := "Content-Type: application/json"
	if l.path == uploadPath {
		media = formType
	}
	whole := posted(l.path, bearer+"\r\n"+media+"\r\n", l.body+strings.Repeat("x", l.missing))
	return l.method + strings.TrimPrefix(whole[:len(whole)-l.missing], "POST")
}

func disconnects() map[string]leaving {
	return map[string]leaving{
		"platform asked":        {"GET", "/v1/batches/b1/status", "", 0, true},
		"service asked":         {"POST", "/v1/classes/silent", "body", 0, true},
		"answer begun":          {"POST", "/v1/classes/begun", "body", 0, true},
		"upload complete":       {"POST", uploadPath, requests.GoodForm(), 0, true},
		"amid JSON":             {"POST", "/v1/batches/b1/pipelines", "{", 99, false},
		"amid registration":     {"POST", "/v1/batches/register", "{}", 9, false},
		"amid a forwarded body": {"POST", "/v1/classes/partly", "body", 5, false},
		"amid an upload":        {"POST", uploadPath, requests.GoodForm()[:9], 999, false},
	}
}

// newLeftEnvironment returns a gateway whose services report a complete request in called,
// wait for the end of the call and report it in cancelled.
func newLeftEnvironment(t *testing.T) (w *environment, called, cancelled chan struct{}) {
	t.Helper()
	called, cancelled = make(chan struct{}, 9), make(chan struct{}, 9)
	service := func(rw http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		if strings.HasSuffix(r.URL.Path, "begun") {
			_, _ = io.WriteString(rw, "part")
			_ = http.NewResponseController(rw).Flush()
		}
		called <- struct{}{}
		<-r.Context().Done()
		cancelled <- struct{}{}
	}
	w = newServedEnvironment(t, service, func(w *environment, p *httpserver.GatewayParts) {
		services := p.Classes
		*p = w.parts(&blockedPlatform{w.platform, called, nil, cancelled})
		p.Classes, p.Teacher, p.Files = services, services, services
	})
	return w, called, cancelled
}

// TestDisconnectedClientIsRecordedAs499 checks that a client that closes its connection or its
// sending side gets no answer or no regular end of one, that the call of its service is
// cancelled, and that there is no error.
func TestDisconnectedClientIsRecordedAs499(t *testing.T) {
	t.Parallel()
	for kind, leave := range map[string]func(*rawClient) error{
		"closes":      func(c *rawClient) error { return c.Close() },
		"half-closes": func(c *rawClient) error { return c.CloseWrite() },
	} {
		for name, c := range disconnects() {
			t.Run(kind+", "+name, func(t *testing.T) {
				t.Parallel()
				w, called, cancelled := newLeftEnvironment(t)
				conn := dial(t, w.Addr(), c.request())
				if c.waits {
					await(t, called)
				}
				require.NoError(t, leave(conn))
				if c.waits {
					await(t, cancelled)
				}
				require.Eventually(t, func() bool { return len(w.served()) == 1 }, tick*1000, tick)
				require.Equal(t, 499, w.served()[0].Status)
				require.Empty(t, w.failed())
				require.Empty(t, called, "no complete request")
				if kind == "half-closes" {
					answer := conn.rest()
					assert.True(t, name == "answer begun" || answer == "", answer)
					assert.False(t, strings.HasSuffix(answer, "0\r\n\r\n"), "it has a regular end: %q", answer)
				}
				assert.Eventually(t, func() bool { return strings.Contains(w.log.String(), `"status":499`) }, tick*1000, tick)
				assert.NotContains(t, w.log.String(), `"level":"ERROR"`)
			})
		}
	}
}

// TestAbortedUploadsKeepTheCircuitClosed sends more of them than the threshold of the circuit
// breaker.
func TestAbortedUploadsKeepTheCircuitClosed(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	w := s.environment(t, nil)
	for i := range 7 {
		conn := dial(t, w.Addr(), leaving{"POST", uploadPath, incompleteForm(), 9, false}.request())
		await(t, s.begun)
		require.NoError(t, conn.Close())
		await(t, s.aborted)
		require.Eventually(t, func() bool { return len(w.served()) == i+1 }, tick*1000, tick)
	}
	for _, one := range w.served() {
		require.Equal(t, domain.RequestServed{Method: "POST", Endpoint: uploadPath, Status: 499}, one)
	}
	require.Empty(t, w.failed())
	require.Empty(t, s.received())
	require.Equal(t, 202, upload(t, w, requests.GoodForm()).StatusCode)
}
