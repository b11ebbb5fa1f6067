package sse_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/eventstream"
	"github.com/huleedu/edge/test/frames"
)

// TestRefusals checks which error answers a request that gets no stream, and that nothing
// of the request remains.
func TestRefusals(t *testing.T) {
	good := http.Header{"Authorization": {"Bearer u1"}}
	with := func(name string, values ...string) http.Header {
		h := good.Clone()
		h[name] = values
		return h
	}
	for name, c := range map[string]struct {
		adjust func(*node)
		query  string
		header http.Header
		want   domain.Code
	}{
		"no token":                      {want: domain.AuthenticationError},
		"bad token":                     {query: "?token=bad", want: domain.AuthenticationError},
		"bad header, good query":        {query: "?token=u1", header: http.Header{"Authorization": {"Bearer bad"}}, want: domain.AuthenticationError},
		"token as subprotocol":          {header: http.Header{"Sec-Websocket-Protocol": {"bearer.u1"}}, want: domain.AuthenticationError},
		"foreign origin, bad token":     {query: "?token=bad", header: http.Header{"Origin": {"http://evil.example"}}, want: domain.AuthorizationError},
		"a second, foreign origin":      {header: with("Origin", "http://localhost:5173", "http://evil.example"), want: domain.AuthorizationError},
		"query that cannot be parsed":   {query: "?last_event_id=%zz", header: good, want: domain.ParsingError},
		"position in the query":         {query: "?last_event_id=x", header: good, want: domain.ValidationError},
		"position in the header":        {query: "?last_event_id=0", header: with("Last-Event-Id", "x"), want: domain.ValidationError},
		"two positions":                 {header: with("Last-Event-Id", "1-1", "1-2"), want: domain.ValidationError},
		"an empty and another position": {header: with("Last-Event-Id", "", "1-2"), want: domain.ValidationError},
		"tab in the position":           {header: with("Last-Event-Id", "1-1\t2"), want: domain.ValidationError},
		"long position":                 {header: with("Last-Event-Id", strings.Repeat("1", 20_000)), want: domain.ValidationError},
		"position with other bytes":     {header: with("Last-Event-Id", "1-1\xff\u2028"), want: domain.ValidationError},
		"draining":                      {adjust: func(n *node) { n.drainsFirst = true }, header: good, want: domain.ServiceUnavailable},
		"limit of the node": {
			adjust: func(n *node) { n.admission = delivery.NewAdmission(1, func() bool { return false }) }, header: good, want: domain.ServiceUnavailable,
		},
		"quota": {adjust: func(n *node) { n.quota = memory.NewQuota(0) }, header: good, want: domain.QuotaExceeded},
		"no subscription": {
			adjust: func(n *node) { n.bus.StartOutage() }, header: good, want: domain.ConnectionError,
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, func(n *node) {
				if c.adjust != nil {
					c.adjust(n)
				}
			})
			client, err := n.request(c.query, c.header)
			require.NoError(t, err)
			defer client.Leave()
			require.Equal(t, http.StatusTeapot, client.status)
			require.Equal(t, string(c.want), strings.TrimSpace(client.refusal))
			require.Zero(t, n.manager.Total())
			require.Equal(t, 1, n.facts.Count(func(f domain.Fact) bool {
				return f == domain.ConnectionRejected{Transport: domain.TransportSSE}
			}))
			require.NoError(t, n.manager.Drain(t.Context()), "nothing is left to wait for")
		})
	}
}

// TestRequestWithABodyIsRefused checks that a body neither counts as data of the client nor
// ends the stream without a reason.
func TestRequestWithABodyIsRefused(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, body := range []io.Reader{strings.NewReader("x"), io.MultiReader(strings.NewReader("x"))} { // the second is sent in chunks
			n := newNode(t)
			request, err := http.NewRequestWithContext(t.Context(), method, n.server.URL+"/events?token=u1", body)
			require.NoError(t, err)
			patient := n.server.Client()
			patient.Timeout = 10 * time.Second // a stream would not end
			response, err := patient.Do(request)
			require.NoError(t, err)
			text, err := readAll(response)
			require.NoError(t, err)
			require.Equal(t, http.StatusTeapot, response.StatusCode)
			if method == http.MethodGet {
				require.Equal(t, string(domain.InvalidRequest), text)
			}
			require.NoError(t, n.manager.Drain(t.Context()), "nothing is left to wait for")
		}
	}
}

// TestResponse checks the headers of a stream and what it sends first.
func TestResponse(t *testing.T) {
	n := newNode(t)
	for name, h := range map[string]http.Header{
		"HTTP header": {"Authorization": {"Bearer u1"}, "Origin": {"http://localhost:5173"}, "Last-Event-Id": {""}},
		"query":       nil,
	} {
		t.Run(name, func(t *testing.T) {
			c, err := n.request("?token=u1&last_event_id=$", h)
			require.NoError(t, err)
			defer c.Leave()
			got := c.header
			require.Equal(t, http.StatusOK, c.status)
			require.Equal(t, "text/event-stream", got.Get("Content-Type"))
			require.Equal(t, "no-store", got.Get("Cache-Control"))
			require.Equal(t, "no", got.Get("X-Accel-Buffering"))
			require.Empty(t, got.Get("Content-Encoding"))
			require.Equal(t, correlation, got.Get("X-Correlation-Id"))
			_, err = http.ParseTime(got.Get("Date"))
			require.NoError(t, err)
			first, err := c.event()
			require.NoError(t, err)
			require.Equal(t, eventstream.Event{Type: "message", Data: `{"event":"position","data":{"last_event_id":"0-0"}}`, ID: "0-0"}, first)
			require.GreaterOrEqual(t, c.Retry, time.Second)
			require.Less(t, c.Retry, 5*time.Second)
		})
	}
}

// TestHeadOpensNoStream checks that HEAD gets the headers of GET, and that the connection
// can be used again.
func TestHeadOpensNoStream(t *testing.T) {
	n := newNode(t)
	for range 2 {
		response, err := n.server.Client().Head(n.server.URL + "/events?token=u1")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
		require.Zero(t, n.manager.Total())
	}
}

// TestResume checks which events have an id, and that the header wins over the query.
func TestResume(t *testing.T) {
	n := newNode(t)
	for i := 1; i <= 3; i++ {
		_, err := n.bus.Publish(t.Context(), domain.Notification{EventID: fmt.Sprint(i), User: "u1", Frame: fmt.Appendf(nil, `{"event":"kept","data":%d}`, i)})
		require.NoError(t, err)
	}
	log, err := n.bus.Since(t.Context(), "u1", domain.PositionStart)
	require.NoError(t, err)
	second := string(log.Entries[1].ID)
	c, err := n.request("?token=u1&last_event_id=0", http.Header{"Last-Event-Id": {second}})
	require.NoError(t, err)
	defer c.Leave()
	third, err := c.event()
	require.NoError(t, err)
	require.Equal(t, eventstream.Event{Type: "message", Data: string(log.Entries[2].Frame), ID: string(log.Entries[2].ID)}, third)
	n.manager.Send(domain.Message{User: "u1", Payload: []byte("direct\r\nin two lines")})
	direct, err := c.event()
	require.NoError(t, err)
	require.Equal(t, "direct\nin two lines", direct.Data)
	require.Equal(t, third.ID, direct.ID, "a message that is not kept does not change the position")

	c, err = n.request("?token=u1&last_event_id=99-1", nil)
	require.NoError(t, err)
	defer c.Leave()
	incomplete, err := c.event()
	require.NoError(t, err)
	require.Contains(t, incomplete.Data, "replay_incomplete")
	require.Empty(t, incomplete.ID)
}

// TestCloses checks the last event of a stream for each reason, and that it matches the
// AsyncAPI document.
func TestCloses(t *testing.T) {
	reason := func(code, message string) string {
		return fmt.Sprintf(`"reason":{"error_code":%q,"message":%q,"correlation_id":%q}}`, code, message, correlation)
	}
	schemas := frames.Load()
	for name, c := range map[string]struct {
		lasts time.Duration
		end   func(t *testing.T, n *node)
		want  string
		code  int
	}{
		"drain": {
			end:  func(t *testing.T, n *node) { require.NoError(t, n.manager.Drain(t.Context())) },
			want: `{"code":1012,` + reason("SERVICE_UNAVAILABLE", "Service restart"), code: 1012,
		},
		"operator": {
			end:  func(_ *testing.T, n *node) { n.manager.CloseUser("u1", domain.Forbidden("Disconnected", nil)) },
			want: `{"code":4003,` + reason("AUTHORIZATION_ERROR", "Disconnected"), code: 4003,
		},
		"outage": {
			end:  func(t *testing.T, n *node) { n.manager.Shed(t.Context(), domain.Unreachable("redis", nil), 0) },
			want: `{"code":1011,` + reason("CONNECTION_ERROR", "Connection to redis f"), code: 1011,
		},
		"expiry": {
			lasts: 100 * time.Millisecond, end: func(*testing.T, *node) {},
			want: `{"code":1008,` + reason("AUTHENTICATION_ERROR", "Token has expired"), code: 1008,
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, func(n *node) {
				if c.lasts > 0 {
					n.tokens.lasts = c.lasts
				}
			})
			client, err := n.connect("u1")
			require.NoError(t, err)
			go c.end(t, n)
			last := client.closed(t)
			require.Equal(t, c.want, last)
			require.NoError(t, schemas.Validate("StreamClose", []byte(last)))
			require.True(t, n.facts.Await(t.Context(), func(f domain.Fact) bool {
				return f == domain.CloseCodeObserved{Transport: domain.TransportSSE, Code: c.code}
			}))
			require.True(t, n.facts.Await(t.Context(), func(f domain.Fact) bool {
				ended, is := f.(domain.ConnectionEnded)
				return is && ended.Transport == domain.TransportSSE
			}))
		})
	}
}

// TestClientThatSendsData checks that a little data is ignored and much ends the stream.
func TestClientThatSendsData(t *testing.T) {
	n := newNode(t)
	c, err := n.connect("u1")
	require.NoError(t, err)
	_, err = io.WriteString(c.conn, "GET / HTTP/1.1\r\n\r\n")
	require.NoError(t, err)
	require.Equal(t, 1, n.manager.Send(domain.Message{User: "u1", Payload: []byte("x")}))
	text, err := c.Next()
	require.NoError(t, err)
	require.Equal(t, "x", string(text))
	_, _ = io.WriteString(c.conn, strings.Repeat("x", 64<<10)) // the node may have closed the connection
	require.True(t, n.facts.Await(t.Context(), func(f domain.Fact) bool { _, is := f.(domain.ConnectionEnded); return is }))
	require.Zero(t, n.manager.Total())
}

// TestManyStreamsOfClientsThatLeft opens streams whose clients leave at once or never read.
// The node releases every one of them.
func TestManyStreamsOfClientsThatLeft(t *testing.T) {
	n := newNode(t)
	const streams = 300
	for i := range streams {
		c, err := n.connect(domain.UserID(fmt.Sprint("u", i)))
		require.NoError(t, err)
		if i%2 == 0 {
			c.Leave()
		} else {
			t.Cleanup(c.Leave)
		}
	}
	require.Eventually(t, func() bool { return n.manager.Total() == streams/2 }, 10*time.Second, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	require.NoError(t, n.manager.Drain(ctx))
}
