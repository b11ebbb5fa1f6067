package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver/requestbody"
	"github.com/huleedu/edge/domain"
)

// answer is a service with one answer.
type answer struct{ *http.Response }

func (a answer) RoundTrip(*http.Request) (*http.Response, error) { return a.Response, nil }

// read is what one call of Read returns, after it has waited.
type read struct {
	text string
	err  error
	wait func() // may be nil
}

// pieces is a body that returns each piece by one call of Read, then io.EOF.
type pieces struct{ rest []read }

func (p *pieces) Read(to []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	next := p.rest[0]
	p.rest = p.rest[1:]
	if next.wait != nil {
		next.wait()
	}
	return copy(to, next.text), next.err
}

// client is the connection to a client. It keeps the calls in their order.
type client struct {
	*httptest.ResponseRecorder
	calls     []string
	deadlines []time.Time
	err       error // of each write
}

func (c *client) WriteHeader(status int) {
	c.calls = append(c.calls, "header")
	c.ResponseRecorder.WriteHeader(status)
}

func (c *client) Write(p []byte) (int, error) {
	if len(p) > 0 {
		c.calls = append(c.calls, "write")
	}
	if c.err != nil {
		return 0, c.err
	}
	return c.ResponseRecorder.Write(p)
}

func (c *client) FlushError() error {
	c.calls = append(c.calls, "flush")
	return c.err
}

func (c *client) SetWriteDeadline(t time.Time) error {
	c.calls = append(c.calls, "deadline")
	c.deadlines = append(c.deadlines, t)
	return nil
}

// passed is a request and the head of its answer. length is -1 if it is not known.
type passed struct {
	method  string
	length  int64
	headers http.Header
}

// pass passes an answer on and returns the error of the forwarder.
func pass(t *testing.T, to *client, x passed, body ...read) error {
	t.Helper()
	if x.headers == nil {
		x.headers = http.Header{}
	}
	b := newTestBackend(t, func(p *BackendParts) {
		p.Transport = answer{&http.Response{StatusCode: http.StatusOK, Header: x.headers, ContentLength: x.length, Body: io.NopCloser(&pieces{body})}}
	})
	f := NewForwarder(ForwarderParts{
		Headers: rules(t), Services: []string{"http://cms:5002"}, Idle: time.Minute, Timeout: time.Hour, Draining: context.Background(),
		AnnounceClose: func(h http.Header) { h.Add("Connection", "close") },
	})
	in := incoming(nil)
	in.Method = x.method
	to.ResponseRecorder = httptest.NewRecorder()
	return f.Forward(to, in, b)
}

func TestABodyThatFailsAtOnceIsAnErrorOfTheGateway(t *testing.T) {
	to := &client{}
	err := pass(t, to, passed{method: http.MethodGet, length: 5}, read{err: io.ErrUnexpectedEOF})
	require.Equal(t, domain.InvalidResponse, domain.CodeOf(err))
	require.Empty(t, to.calls, "the answer has not begun")
}

func TestABodyThatFailsLaterIsCut(t *testing.T) {
	for _, length := range []int64{5, -1} {
		to := &client{}
		err := pass(t, to, passed{method: http.MethodGet, length: length}, read{text: "part", err: io.ErrUnexpectedEOF})
		require.Equal(t, domain.InvalidResponse, domain.CodeOf(err))
		require.Equal(t, "part", to.Body.String())
		require.Equal(t, "flush", to.calls[len(to.calls)-1], "the client sees the part")
	}
}

func TestAnEmptyReadIsNoFailure(t *testing.T) {
	to := &client{}
	require.NoError(t, pass(t, to, passed{method: http.MethodGet, length: 5}, read{}, read{text: "whole"}))
	require.Equal(t, "whole", to.Body.String())
}

// TestOnlyBodiesOfUnknownLengthAreFlushed checks that a stream is flushed after its header and after each
// piece.
func TestOnlyBodiesOfUnknownLengthAreFlushed(t *testing.T) {
	for length, want := range map[int64]string{0: "deadline, header", 2: "deadline, header, write, write", -1: "deadline, header, flush, write, flush, write, flush"} {
		to := &client{}
		var body []read
		if length != 0 {
			body = []read{{text: "a"}, {text: "b"}}
		}
		require.NoError(t, pass(t, to, passed{method: http.MethodGet, length: length}, body...))
		require.Equal(t, want, strings.Join(to.calls, ", "))
	}
	to := &client{}
	require.NoError(t, pass(t, to, passed{method: http.MethodHead, length: 5}))
	require.Equal(t, "deadline, header", strings.Join(to.calls, ", "), "an answer to HEAD has no body")
}

func TestAClientThatCannotBeWrittenToHasLeft(t *testing.T) {
	for _, length := range []int64{4, -1} {
		err := pass(t, &client{err: errors.New("reset")}, passed{method: http.MethodGet, length: length}, read{text: "part"})
		require.ErrorIs(t, err, requestbody.ErrClientLeft)
	}
}

// TestWriteDeadlineFollowsTheProgress checks that it is set before the header, and at most once a second.
func TestWriteDeadlineFollowsTheProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to, began := &client{}, time.Now()
		require.NoError(t, pass(t, to, passed{method: http.MethodGet, length: -1},
			read{text: "a"}, read{text: "b", wait: func() { time.Sleep(time.Second / 2) }}, read{text: "c", wait: func() { time.Sleep(10 * time.Second) }}))
		require.Equal(t, []string{"deadline", "header"}, to.calls[:2])
		require.Equal(t, []time.Duration{requestbody.WriteIdleTimeout, requestbody.WriteIdleTimeout + 10500*time.Millisecond},
			[]time.Duration{to.deadlines[0].Sub(began), to.deadlines[1].Sub(began)})
		require.Len(t, to.deadlines, 2)
	})
}

func TestHeadersOfAnswers(t *testing.T) {
	to := &client{}
	require.NoError(t, pass(t, to, passed{http.MethodGet, 0, http.Header{
		"Connection": {"X-Named, keep-alive"}, "X-Named": {"1"}, "Keep-Alive": {"timeout=5"}, "Upgrade": {"h2c"}, "Proxy-Authenticate": {"Basic"},
		"X-Request-Id": {"theirs"}, "Vary": {"Accept"}, "Etag": {"x"}, "Set-Cookie": {"a=1", "b=2"},
		"Location": {"http://cms:5002/v1/classes/a"}, "Content-Location": {"http://cms:5002/internal"},
	}}))
	require.Equal(t, http.Header{
		"Connection": {"close"}, "Vary": {"Accept"}, "Etag": {"x"}, "Set-Cookie": {"a=1", "b=2"}, "Location": {"/v1/classes/a"}, "Content-Type": nil,
	}, to.Header())
	to = &client{}
	require.NoError(t, pass(t, to, passed{http.MethodGet, 0, http.Header{
		"Location": {"http://cms:5002/internal"}, "Content-Location": {"https://cms:5002/v1/classes"}, "Content-Type": {"text/x-odd"},
	}}))
	require.Equal(t, http.Header{"Connection": {"close"}, "Content-Location": {"/v1/classes"}, "Content-Type": {"text/x-odd"}}, to.Header())
}
