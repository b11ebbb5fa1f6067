package matrix_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/metrics"
)

// clientGone is the status of a request whose client left.
const clientGone = "499"

// checkRecords compares the log line and the span of the request, and what the
// services saw of it, with what the client got.
func (c *cell) checkRecords(e *environment, g *gateway, spans []serverSpan) {
	for call, n := range c.plan.counted() {
		method, _, _ := strings.Cut(call, " ")
		most := 1
		if method == http.MethodGet || method == http.MethodHead {
			most = 2
		}
		if n > most {
			c.problem("%s was sent %d times", call, n)
		}
	}
	if executed := e.service.requests(c.nextID) > 0 || len(g.log.of(c.nextID)) > 0; executed && c.next.status == 0 {
		c.problem("the bytes behind the request were executed")
	}
	lines := g.log.of(c.id)
	if len(spans) != 1 {
		c.problem("%d server spans", len(spans))
		return
	}
	c.checkSpan(spans[0])
	switch len(lines) {
	case 0: // the log is thinned out above 100 lines a second
	case 1:
		c.logged, c.recorded = true, fmt.Sprintf("logged as %d %s", lines[0].Status, oneLine(lines[0].Error))
		c.checkLine(lines[0], spans[0])
	default:
		c.problem("%d lines in the log", len(lines))
	}
}

// checkSpan compares the span with the answer.
func (c *cell) checkSpan(s serverSpan) {
	switch {
	case s.status == clientGone:
		c.problem("recorded as 499 though the client stayed")
	case s.name != c.route.method+" "+c.route.endpoint:
		c.problem("recorded as %s", s.name)
	case s.failed != (s.code != ""):
		c.problem("span status ERROR is %v, error code is %q", s.failed, s.code)
	case c.first.err != nil:
		c.problem("recorded as %s %s, the client got nothing", s.status, s.code)
	case c.first.cut && s.code == "":
		c.problem("a cut answer is recorded as %s without a cause", s.status)
	case !c.first.cut && s.status != fmt.Sprint(c.first.status):
		c.problem("recorded as %s, answered %s", s.status, c.first)
	case !c.first.cut && !c.first.head && s.code != c.first.code:
		c.problem("recorded with code %q, answered %s", s.code, c.first)
	}
}

func (c *cell) checkLine(line logLine, s serverSpan) {
	if line.Stack != "" {
		c.problem("panic: %s", oneLine(line.Stack))
	}
	if fmt.Sprint(line.Status) != s.status || line.Code != s.code || line.Method+" "+line.Endpoint != s.name {
		c.problem("log says %s %s %d %q, span says %s %s %q", line.Method, line.Endpoint, line.Status, line.Code, s.name, s.status, s.code)
	}
}

// scrape reads the counters once no other request is in progress.
func scrape(t *testing.T, g *gateway) metrics.Page {
	t.Helper()
	var out metrics.Page
	require.Eventually(t, func() bool {
		var err error
		out, err = metrics.Fetch(t.Context(), "http://"+g.addr+"/metrics")
		return err == nil && out.Sum("gateway_http_requests_in_progress")[""] <= 1
	}, waitLimit, 100*time.Millisecond, "requests stay in progress")
	return out
}

// compareCounters returns where the counters differ from the spans.
func compareCounters(m metrics.Page, spans []serverSpan) []string {
	served, failed := map[string]int{}, map[string]int{}
	for _, s := range spans {
		_, endpoint, _ := strings.Cut(s.name, " ")
		served[s.name+" "+s.status]++
		if s.code != "" {
			failed[endpoint+" "+s.code]++
		}
	}
	out := differences("gateway_http_requests_total", m.Sum("gateway_http_requests_total", "method", "endpoint", "http_status"), served)
	out = append(out, differences("gateway_api_errors_total", m.Sum("gateway_api_errors_total", "endpoint", "error_type"), failed)...)
	for call, n := range m.Sum("gateway_downstream_service_calls_total", "service", "status_code") {
		if strings.HasSuffix(call, " "+clientGone) {
			out = append(out, fmt.Sprintf("gateway_downstream_service_calls_total: %v calls of %s", n, call))
		}
	}
	return out
}

// differences compares counters with the spans. Requests of operators are left
// out: they go on while the counters are read.
func differences(name string, counted map[string]float64, recorded map[string]int) []string {
	var out []string
	for key, want := range recorded {
		if got := int(counted[key]); got != want && !strings.Contains(key, "/metrics") {
			out = append(out, fmt.Sprintf("%s of %s is %d, the spans say %d", name, key, got, want))
		}
	}
	return out
}
