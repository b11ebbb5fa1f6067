package matrix_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const clientGone = 499

// checkRecords compares the log line and the span of the request, and what the
// services saw of it, with what the client got.
func (c *cell) checkRecords(e *environment, g *gateway) {
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
	if len(lines) != 1 {
		c.problem("%d lines in the log", len(lines))
		return
	}
	c.checkLine(lines[0])
	c.checkSpan(e.collector.of(lines[0].Trace), lines[0])
}

func (c *cell) checkLine(line logLine) {
	switch {
	case line.Status == clientGone:
		c.problem("logged as 499 though the client stayed")
	case line.Stack != "":
		c.problem("panic: %s", oneLine(line.Stack))
	case line.Endpoint != c.route.endpoint:
		c.problem("logged for endpoint %s", line.Endpoint)
	case c.first.err != nil:
		c.problem("logged as %d %s, the client got nothing", line.Status, line.Code)
	case c.first.cut && line.Code == "":
		c.problem("a cut answer is logged as %d without a cause", line.Status)
	case !c.first.cut && line.Status != c.first.status:
		c.problem("logged as %d, answered %s", line.Status, c.first)
	case !c.first.cut && !c.first.head && line.Code != c.first.code:
		c.problem("logged with code %q, answered %s", line.Code, c.first)
	}
}

func (c *cell) checkSpan(spans []serverSpan, line logLine) {
	if len(spans) != 1 {
		c.problem("%d server spans", len(spans))
		return
	}
	s := spans[0]
	if s.status != fmt.Sprint(line.Status) || s.code != line.Code {
		c.problem("span says %s %q, log says %d %q", s.status, s.code, line.Status, line.Code)
	}
	if s.failed != (line.Code != "") {
		c.problem("span status ERROR is %v, error code is %q", s.failed, line.Code)
	}
}

// metrics are the counters of a gateway by name and labels.
type metrics map[string]float64

// scrape reads the counters once no other request is in progress.
func scrape(t *testing.T, g *gateway) metrics {
	t.Helper()
	defer http.DefaultClient.CloseIdleConnections()
	var out metrics
	require.Eventually(t, func() bool {
		out = readMetrics(t, g)
		return out["gateway_http_requests_in_progress"] <= 1
	}, patience, 100*time.Millisecond, "requests stay in progress")
	return out
}

func readMetrics(t *testing.T, g *gateway) metrics {
	t.Helper()
	response, err := http.Get("http://" + g.addr + "/metrics")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	out := metrics{}
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		space := strings.LastIndexByte(line, ' ')
		if n, err := strconv.ParseFloat(line[space+1:], 64); err == nil && line[0] != '#' {
			out[line[:space]] = n
		}
	}
	return out
}

// sum adds the counters of a metric by the value of labels.
func (m metrics) sum(name string, labels ...string) map[string]int {
	out := map[string]int{}
	for series, n := range m {
		if !strings.HasPrefix(series, name+"{") {
			continue
		}
		var key []string
		for _, label := range labels {
			found := regexp.MustCompile(`[{,]` + label + `="([^"]*)"`).FindStringSubmatch(series)
			if found != nil {
				key = append(key, found[1])
			}
		}
		out[strings.Join(key, " ")] += int(n)
	}
	return out
}

// compare returns where the counters differ from the log.
func (m metrics) compare(log *accessLog) []string {
	served, failed := map[string]int{}, map[string]int{}
	for _, lines := range log.all() {
		for _, line := range lines {
			served[fmt.Sprint(line.Method, " ", line.Endpoint, " ", line.Status)]++
			if line.Code != "" {
				failed[line.Endpoint+" "+line.Code]++
			}
		}
	}
	out := differences("gateway_http_requests_total", m.sum("gateway_http_requests_total", "method", "endpoint", "http_status"), served)
	out = append(out, differences("gateway_api_errors_total", m.sum("gateway_api_errors_total", "endpoint", "error_type"), failed)...)
	for call, n := range m.sum("gateway_downstream_service_calls_total", "service", "status_code") {
		if strings.HasSuffix(call, " 499") {
			out = append(out, fmt.Sprintf("gateway_downstream_service_calls_total: %d calls of %s", n, call))
		}
	}
	return out
}

// differences compares counters with the log. What only the metrics count, such
// as health and metrics requests, which are logged at level debug, is left out.
func differences(name string, counted, logged map[string]int) []string {
	var out []string
	for key, want := range logged {
		if got := counted[key]; got != want {
			out = append(out, fmt.Sprintf("%s of %s is %d, the log has %d", name, key, got, want))
		}
	}
	return out
}
