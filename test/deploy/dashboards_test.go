package deploy_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

// panel is the part of a Grafana panel that the tests read.
type panel struct {
	Title, Description string
	Links              []struct{ URL string }
	FieldConfig        struct {
		Defaults  struct{ Unit string }
		Overrides []json.RawMessage
	}
	Targets []struct{ Expr string }
}

// dashboard is the part of a Grafana dashboard that the tests read.
type dashboard struct {
	Templating struct {
		List []struct {
			Name, Type string
			Query      json.RawMessage
		}
	}
	Panels []panel
}

// dashboards reads both dashboards, by file name.
func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	out := map[string]dashboard{}
	for _, file := range []string{"gateway.json", "websocket.json"} {
		var d dashboard
		require.NoError(t, json.NewDecoder(bytes.NewBufferString(read(t, "deploy/grafana/"+file))).Decode(&d))
		require.NotEmpty(t, d.Panels)
		out[file] = d
	}
	return out
}

// interpolated replaces the interval variable of Grafana, so that Prometheus can parse
// the expression. The other variables stand in strings.
func interpolated(expr string) string { return strings.ReplaceAll(expr, "$__rate_interval", "5m") }

// expressions returns all queries of a dashboard.
func expressions(t *testing.T, file string) (out []string) {
	t.Helper()
	for _, p := range dashboards(t)[file].Panels {
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			out = append(out, interpolated(target.Expr))
		}
	}
	return out
}

func TestDashboardsHaveVariables(t *testing.T) {
	for file, d := range dashboards(t) {
		var names []string
		for _, v := range d.Templating.List {
			names = append(names, v.Name)
			if v.Type != "query" {
				continue
			}
			var query struct{ Query string }
			require.NoError(t, json.Unmarshal(v.Query, &query))
			m := regexp.MustCompile(`^label_values\((.+), ` + v.Name + `\)$`).FindStringSubmatch(query.Query)
			require.NotNil(t, m, "%s: %s", file, query.Query)
			for _, s := range selectors(t, m[1]) {
				require.True(t, exported(t)[s.Name], "%s: %s", file, s.Name)
			}
		}
		require.Equal(t, []string{"datasource", "job", "namespace", "instance"}, names, file)
	}
}

func TestPanelsFilterByTheVariables(t *testing.T) {
	filter := map[string]string{"job": "$job", "namespace": "$namespace", "instance": "$instance"}
	for file, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				for _, s := range selectors(t, interpolated(target.Expr)) {
					got := map[string]string{}
					for _, m := range s.LabelMatchers {
						if m.Type == labels.MatchRegexp && filter[m.Name] != "" {
							got[m.Name] = m.Value
						}
					}
					require.Equal(t, filter, got, "%s: %s", file, p.Title)
					require.NotContains(t, s.Name, ":", "%s: %s needs a recording rule", file, p.Title)
				}
				ranges := regexp.MustCompile(`\[[^]]*\]`).FindAllString(target.Expr, -1)
				for _, r := range ranges {
					require.Equal(t, "[$__rate_interval]", r, "%s: %s", file, p.Title)
				}
			}
		}
	}
}

func TestPanelsExplainThemselves(t *testing.T) {
	anchors := anchors(read(t, "docs/operations.md"))
	const document = "https://github.com/huleedu/edge/blob/main/docs/operations.md#"
	for file, d := range dashboards(t) {
		for _, p := range d.Panels {
			require.NotEmpty(t, p.Description, "%s: %s", file, p.Title)
			require.Len(t, p.Links, 1, "%s: %s", file, p.Title)
			anchor, found := strings.CutPrefix(p.Links[0].URL, document)
			require.True(t, found, "%s: %s", file, p.Title)
			require.Contains(t, anchors, anchor, "%s: %s links to a section that does not exist", file, p.Title)
		}
	}
}

// anchors returns the anchors that GitHub gives to the headings of a document.
func anchors(markdown string) (out []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(markdown, -1) {
		kept := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		out = append(out, strings.ReplaceAll(kept, " ", "-"))
	}
	return out
}

func TestPanelsHaveOneUnit(t *testing.T) {
	for file, d := range dashboards(t) {
		for _, p := range d.Panels {
			require.Empty(t, p.FieldConfig.Overrides, "%s: %s has a second axis", file, p.Title)
			for _, target := range p.Targets {
				expr, err := promQL().ParseExpr(interpolated(target.Expr))
				require.NoError(t, err)
				require.Contains(t, unitsOf(expr), p.FieldConfig.Defaults.Unit, "%s: %s: %s", file, p.Title, target.Expr)
			}
		}
	}
}

// unitsOf returns the Grafana units that fit the value of an expression. They follow
// from the suffix of the metric and the functions around it.
func unitsOf(expr parser.Expr) []string {
	switch e := expr.(type) {
	case *parser.ParenExpr:
		return unitsOf(e.Expr)
	case *parser.AggregateExpr:
		return unitsOf(e.Expr)
	case *parser.BinaryExpr:
		return []string{"percentunit"}
	case *parser.Call:
		switch inner := unitsOf(e.Args[len(e.Args)-1]); {
		case e.Func.Name == "histogram_quantile":
			return metricUnits(strings.TrimSuffix(metricName(e), "_bucket"))
		case e.Func.Name == "rate" && inner[0] == "short":
			return []string{"reqps", "ops"}
		default:
			return []string{"short"} // rate of seconds: cores; increase and changes: a count
		}
	}
	return metricUnits(metricName(expr))
}

// metricUnits returns the units that fit the values of a metric.
func metricUnits(name string) []string {
	switch {
	case strings.HasSuffix(name, "_seconds"), strings.HasSuffix(name, "_seconds_total"):
		return []string{"s"}
	case strings.HasSuffix(name, "_bytes"):
		return []string{"bytes"}
	}
	return []string{"short", "none"}
}

// metricName returns the name of the first metric in an expression.
func metricName(expr parser.Node) (name string) {
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok && name == "" {
			name = s.Name
		}
		return nil
	})
	return name
}

// selectors returns the vector selectors of an expression.
func selectors(t *testing.T, text string) (out []*parser.VectorSelector) {
	t.Helper()
	expr, err := promQL().ParseExpr(text)
	require.NoError(t, err, text)
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			out = append(out, s)
		}
		return nil
	})
	require.NotEmpty(t, out, text)
	return out
}
