package matrix_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The flows of these tests: flowParts parts, flowPause apart, last longer than
// the time for the header (1 s) and the permitted silence (2 s).
const (
	flowParts = 16
	flowPause = 250 * time.Millisecond
)

func (e *environment) flowVars() map[string]string {
	return with(e.vars, map[string]string{
		"API_GATEWAY_HTTP_CLIENT_TIMEOUT_SECONDS": "1", "API_GATEWAY_STREAM_IDLE_TIMEOUT": "2", "API_GATEWAY_UPLOAD_STALL_TIMEOUT": "2",
		"API_GATEWAY_ANSWER_TIMEOUT": "90",
	})
}

// TestDeadlinesBoundSilenceNotLength: answers and bodies that keep flowing for
// longer than every deadline of silence are not cut.
func TestDeadlinesBoundSilenceNotLength(t *testing.T) {
	e := newEnvironment(t)
	g := startGateway(t, e.flowVars())
	for name, row := range map[string]struct {
		method, path string
		run          script
		slow         bool
	}{
		"answer with length": {"GET", "/v1/classes/x", slowAnswer(false), false},
		"answer in chunks":   {"GET", "/bff/v1/teacher/x", slowAnswer(true), false},
		"answer to a body":   {"POST", "/v1/classes/x", slowAnswer(true), false},
		"body":               {"POST", "/v1/classes/x", answerWell, true},
		"body of PUT":        {"PUT", "/bff/v1/teacher/x", answerWell, true},
		"upload":             {"POST", "/v1/files/batch", answerWell, true},
		"body and answer":    {"PATCH", "/v1/classes/x", slowAnswer(true), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := uuid.NewString()
			e.service.expect(id, newPlan(row.run, ""))
			conn, err := dial(g.addr)
			require.NoError(t, err)
			defer conn.close()
			conn.pause = flowPause
			began := time.Now()
			conn.send(flowRequest(row.method, row.path, id, row.slow)...)
			r := conn.read(row.method)
			require.NoError(t, r.err)
			require.False(t, r.cut, "cut after %s: %s", time.Since(began), r)
			require.Contains(t, []int{200, 202}, r.status, "%s", r)
			require.Greater(t, time.Since(began), flowPause*(flowParts-1))
		})
	}
	t.Cleanup(func() { g.stop(t, "") })
}

// flowRequest returns the parts of a request.
func flowRequest(method, path, id string, slow bool) []string {
	r := route{method: method, path: path, kind: through, media: "application/json"}
	if path == "/v1/files/batch" {
		r.kind, r.media = upload, "multipart/form-data; boundary=B"
	}
	content := r.payload(false)
	content = append(content, strings.Repeat(" ", flowParts)...)
	text := requestHead(method, path, "user-"+id, id) +
		fmt.Sprintf("Content-Type: %s\r\nContent-Length: %d\r\n\r\n", r.media, len(content))
	if !slow {
		return []string{text + string(content)}
	}
	out := []string{text}
	for n := range flowParts {
		out = append(out, string(content[len(content)*n/flowParts:len(content)*(n+1)/flowParts]))
	}
	return out
}

// slowAnswer sends its body in parts with pauses.
func slowAnswer(inChunks bool) script {
	return afterBody(func(c *call) bool {
		const part = "0123456789"
		text, framed := head(200, flowParts*len(part)), part
		if inChunks {
			text, framed = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", "a\r\n"+part+"\r\n"
		}
		c.write(text)
		ticker := time.NewTicker(flowPause)
		defer ticker.Stop()
		for range flowParts {
			c.write(framed)
			<-ticker.C
		}
		if inChunks {
			c.write("0\r\n\r\n")
		}
		return true
	})
}

// stream is an open event stream of a client.
type stream struct {
	conn     *client
	response *http.Response
	events   *bufio.Reader
	plan     *plan
}

// openStream asks for a stream of events; its service sends one event and then
// waits.
func (e *environment) openStream(t *testing.T, g *gateway, user string) *stream {
	t.Helper()
	id := uuid.NewString()
	p := newPlan(afterBody(func(c *call) bool {
		c.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" +
			fmt.Sprintf("%x\r\ndata: %s\n\n\r\n", len(id)+8, id))
		return c.hang()
	}), "")
	e.service.expect(id, p)
	conn, err := dial(g.addr)
	require.NoError(t, err)
	t.Cleanup(conn.close)
	conn.send(get("/v1/classes/events", user, id))
	response, err := http.ReadResponse(conn.in, nil)
	require.NoError(t, err, "the header of a stream does not come")
	s := &stream{conn: conn, response: response, events: bufio.NewReader(response.Body), plan: p}
	t.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode == http.StatusOK {
		line, err := s.events.ReadString('\n')
		require.NoError(t, err, "the first event does not come")
		require.Equal(t, "data: "+id+"\n", line)
	}
	return s
}

// end makes the service close the stream.
func (s *stream) end() {
	close(s.plan.released)
	_, _ = io.Copy(io.Discard, s.events)
}

// TestEventStreams: events are flushed at once, streams leave the bulkhead, a
// user has 16 of them, and a drain ends them.
func TestEventStreams(t *testing.T) {
	const most = 16
	e := newEnvironment(t)
	g := startGateway(t, with(e.flowVars(), map[string]string{"API_GATEWAY_DOWNSTREAM_MAX_CONCURRENCY": "8"}))
	var open []*stream
	for range most {
		s := e.openStream(t, g, "teacher")
		require.Equal(t, http.StatusOK, s.response.StatusCode, "stream %d", len(open)+1)
		open = append(open, s)
	}
	assert.Contains(t, []int{http.StatusServiceUnavailable, http.StatusTooManyRequests}, e.openStream(t, g, "teacher").response.StatusCode, "stream 17")
	require.Equal(t, http.StatusOK, e.openStream(t, g, "another teacher").response.StatusCode)
	r := e.earlyRequest(g.addr, route{method: "POST", path: "/v1/classes/x", media: "application/json"}, 10, answerWell)
	require.Equal(t, http.StatusOK, r.status, "open streams hold places of the bulkhead: %s", r)
	open[0].end()
	require.Eventually(t, func() bool {
		return e.openStream(t, g, "teacher").response.StatusCode == http.StatusOK
	}, waitLimit, flowPause, "a place that became free is not given")

	g.Terminate(t)
	began := time.Now()
	for _, s := range open[1:] {
		_, err := io.Copy(io.Discard, s.events)
		require.False(t, err != nil && timedOut(err), "a drain does not end the stream")
	}
	require.Equal(t, 0, g.Exit(t, waitLimit), "%s", g.Stderr)
	require.Less(t, time.Since(began), 15*time.Second)
}
