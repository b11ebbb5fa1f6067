package matrix_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
)

// framingErrors are bodies that end in a framing error. The text between the
// head and the hidden request; headers replace Transfer-Encoding: chunked.
func framingErrors() []struct{ name, headers, wire string } {
	const te = "Transfer-Encoding: chunked\r\n"
	return []struct{ name, headers, wire string }{
		{"size is no number", te, "2\r\n{}\r\nzz\r\n"},
		{"size is empty", te, "2\r\n{}\r\n\r\n"},
		{"size with prefix", te, "0x2\r\n{}\r\n0\r\n\r\n"},
		{"size is negative", te, "-2\r\n{}\r\n0\r\n\r\n"},
		{"size with plus", te, "+2\r\n{}\r\n0\r\n\r\n"},
		{"size too large", te, "fffffffffffffffff\r\n{}\r\n0\r\n\r\n"},
		{"bare LF behind size", te, "2\n{}\r\n0\r\n\r\n"},
		{"bare LF behind last size", te, "2\r\n{}\r\n0\n\r\n"},
		{"bare LF in extension", te, "2;a\n{}\r\n0\r\n\r\n"},
		{"bare CR in extension", te, "2;a\rb\r\n{}\r\n0\r\n\r\n"},
		{"no line end behind data", te, "2\r\n{}0\r\n\r\n"},
		{"bare LF behind data", te, "2\r\n{}\n0\r\n\r\n"},
		{"chunk longer than its size", te, "2\r\n{}{}\r\n0\r\n\r\n"},
		{"trailer without colon", te, "2\r\n{}\r\n0\r\nno colon\r\n\r\n"},
		{"trailer without end", te, "2\r\n{}\r\n0\r\na: b\r\n"},
		{"huge trailer", te, "2\r\n{}\r\n0\r\na: " + strings.Repeat("x", 100<<10) + "\r\n\r\n"},
		{"lengths that differ", "Content-Length: 2\r\nContent-Length: 3\r\n", "{} "},
		{"length with plus", "Content-Length: +2\r\n", "{}"},
		{"length with list", "Content-Length: 2, 3\r\n", "{}"},
		{"unknown coding", "Transfer-Encoding: xchunked\r\n", "2\r\n{}\r\n0\r\n\r\n"},
		{"two codings", "Transfer-Encoding: gzip, chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"},
		{"chunked twice", te + te, "2\r\n{}\r\n0\r\n\r\n"},
		{"space before colon", "Transfer-Encoding : chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"},
		{"folded coding", "Transfer-Encoding:\r\n chunked\r\n", "2\r\n{}\r\nzz\r\n"},
	}
}

// TestBytesBehindAFramingErrorAreNeverARequest: on every route and method, also
// when the service has answered already, a framing error gets one answer and
// ends the connection. The request behind it is not executed.
func TestBytesBehindAFramingErrorAreNeverARequest(t *testing.T) {
	e := newEnvironment(t)
	g := startGateway(t, e.vars)
	queue := make(chan func() string)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for run := range queue {
				if problem := run(); problem != "" {
					t.Error(problem)
				}
			}
		})
	}
	cases := 0
	for _, r := range []route{
		{method: "GET", path: "/v1/classes/x"},
		{method: "HEAD", path: "/v1/classes/x"},
		{method: "POST", path: "/v1/classes/x"},
		{method: "PUT", path: "/v1/classes/x"},
		{method: "PATCH", path: "/v1/classes/x"},
		{method: "DELETE", path: "/v1/classes/x"},
		{method: "GET", path: "/bff/v1/teacher/x"},
		{method: "POST", path: "/bff/v1/teacher/x"},
		{method: "DELETE", path: "/bff/v1/teacher/x"},
		{method: "GET", path: "/v1/batches/b/status"},
		{method: "HEAD", path: "/v1/batches"},
		{method: "POST", path: "/v1/batches/register"},
		{method: "PATCH", path: "/v1/batches/b/prompt"},
		{method: "POST", path: "/v1/batches/b/pipelines"},
		{method: "POST", path: "/v1/files/batch"},
		{method: "GET", path: "/healthz"},
		{method: "POST", path: "/nowhere"},
		{method: "GET", path: "/v1/test/no-auth"},
	} {
		for _, f := range framingErrors() {
			for name, run := range map[string]script{"": answerWell, ", answered early": unannounced(0, afterBody(closes))} {
				cases++
				queue <- func() string {
					problem := e.smuggle(g, r, f.headers, f.wire, run)
					if problem != "" {
						problem = fmt.Sprintf("%s %s, %s%s: %s", r.method, r.path, f.name, name, problem)
					}
					return problem
				}
			}
		}
	}
	close(queue)
	group.Wait()
	g.stop(t, "")
	t.Logf("%d framing errors", cases)
	assert.GreaterOrEqual(t, cases, smuggledCount)
}

// smuggledCount is the number of cases; fewer are a failure of the test.
const smuggledCount = 18 * 2 * 24

// smuggle sends the broken request with another one behind it and returns what
// is wrong with the outcome.
func (e *environment) smuggle(g *gateway, r route, headers, wire string, run script) string {
	id, hidden := uuid.NewString(), uuid.NewString()
	p := newPlan(run, "")
	defer close(p.released)
	e.service.expect(id, p)
	conn, err := dial(g.addr)
	if err != nil {
		return err.Error()
	}
	defer conn.close()
	conn.send(requestHead(r.method, r.path, "user-"+id, id)+"Content-Type: application/json\r\n"+headers+"\r\n"+wire[:1],
		wire[1:]+get("/v1/classes/hidden", "user-"+id, hidden))
	first := conn.read(r.method)
	// net/http's own refusals (400 and 501), which come before any handler, have no
	// such header, and a body also for HEAD. net/http closes behind them at once: the
	// reset that the next segment causes may cut the text.
	ours := first.header.Get("X-Correlation-Id") != ""
	if first.err != nil || first.cut && ours {
		return fmt.Sprintf("got %s", first)
	}
	if err := conn.ended(); err != nil && (ours || strings.Contains(err.Error(), "HTTP/1.")) {
		return fmt.Sprintf("got %s, and then %v", first, err)
	}
	if e.service.requests(hidden) > 0 || len(g.log.of(hidden)) > 0 {
		return "the hidden request was executed"
	}
	return ""
}
