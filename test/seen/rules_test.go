package seen_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

const deploy = "../../deploy/"

// rules reads the rules of a file, with Prometheus' own checks.
func rules(t *testing.T, file string) (out []rulefmt.Rule) {
	t.Helper()
	groups, problems := rulefmt.ParseFile(deploy+"prometheus/"+file, false)
	require.Empty(t, problems)
	for _, g := range groups.Groups {
		out = append(out, g.Rules...)
	}
	require.NotEmpty(t, out)
	return out
}

// expressions are all of a dashboard.
func expressions(t *testing.T, file string) (out []string) {
	t.Helper()
	raw, err := os.ReadFile(deploy + "grafana/" + file)
	require.NoError(t, err)
	var d struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	require.NoError(t, json.Unmarshal(raw, &d))
	for _, p := range d.Panels {
		require.NotEmpty(t, p.Targets)
		for _, target := range p.Targets {
			out = append(out, target.Expr)
		}
	}
	require.NotEmpty(t, out)
	return out
}

// exported are the names that there are to ask for.
func exported(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{"up": true}
	for _, families := range services(t) {
		for name := range families {
			for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
				out[name+suffix] = true
			}
		}
	}
	for _, r := range rules(t, "recording.yml") {
		out[r.Record] = true
	}
	return out
}

// TestExpressionsAskForWhatThereIs: every expression parses and names only
// metrics that a service exports or a rule records.
func TestExpressionsAskForWhatThereIs(t *testing.T) {
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
		expr, err := parser.ParseExpr(text)
		require.NoError(t, err, text)
		parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
			if s, ok := n.(*parser.VectorSelector); ok {
				require.True(t, known[s.Name], "%s in %s", s.Name, text)
			}
			return nil
		})
	}
	t.Logf("%d expressions", len(all))
}

// TestEveryAlertHasItsPage, and every page its alert.
func TestEveryAlertHasItsPage(t *testing.T) {
	raw, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(raw), "\n## Alerts\n")
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
