package deploy_test

import (
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

// promQL returns a parser with the default settings of a server.
func promQL() parser.Parser { return parser.NewParser(parser.Options{}) }

// rules reads and validates the rules of a file.
func rules(t *testing.T, file string) (out []rulefmt.Rule) {
	t.Helper()
	groups, problems := rulefmt.ParseFile(root+"deploy/prometheus/"+file, false, model.UTF8Validation, promQL(), slog.New(slog.DiscardHandler))
	require.Empty(t, problems)
	for _, g := range groups.Groups {
		out = append(out, g.Rules...)
	}
	require.NotEmpty(t, out)
	return out
}

// exported returns the names of all metrics: those of the golden list that test/metrics compares with the services, those of
// Go's client about a process, and those of the recording rules.
func exported(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{"up": true}
	runtime := prometheus.NewPedanticRegistry()
	runtime.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	families, err := runtime.Gather()
	require.NoError(t, err)
	for _, f := range families {
		out[f.GetName()] = true
	}
	for line := range strings.Lines(read(t, "test/metrics/testdata/metrics.golden")) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
			out[name+suffix] = true
		}
	}
	for _, r := range rules(t, "recording.yml") {
		out[r.Record] = true
	}
	return out
}

// TestExpressionsNameExistingMetrics checks that every expression parses and names only metrics that a service exports or a rule
// records.
func TestExpressionsNameExistingMetrics(t *testing.T) {
	known := exported(t)
	var all []string
	for _, file := range []string{"recording.yml", "alerts.yml"} {
		for _, r := range rules(t, file) {
			all = append(all, r.Expr)
		}
	}
	for _, file := range []string{"gateway.json", "websocket.json"} {
		all = append(all, expressions(t, file)...)
	}
	for _, text := range all {
		requireKnownMetrics(t, text, known)
	}
	t.Logf("%d expressions", len(all))
}

// TestAlertsAndRunbooksMatch checks that each alert has a section in docs/operations.md and each section an alert.
func TestAlertsAndRunbooksMatch(t *testing.T) {
	_, section, found := strings.Cut(read(t, "docs/operations.md"), "\n## Alerts\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	var pages, alerts []string
	for _, m := range regexp.MustCompile(`(?m)^### (.+)$`).FindAllStringSubmatch(section, -1) {
		pages = append(pages, m[1])
	}
	for _, part := range []string{"**Means:**", "**Look at:**", "**Do:**"} {
		require.Equal(t, len(pages), strings.Count(section, part), part)
	}
	for _, r := range rules(t, "alerts.yml") {
		alerts = append(alerts, r.Alert)
		require.Contains(t, []string{"critical", "warning"}, r.Labels["severity"], r.Alert)
		require.NotEmpty(t, r.Annotations["summary"], r.Alert)
		require.True(t, strings.HasSuffix(r.Annotations["runbook_url"], "/docs/operations.md#"+strings.ToLower(r.Alert)), r.Alert)
	}
	slices.Sort(pages)
	slices.Sort(alerts)
	require.Equal(t, alerts, pages)
}
