package deploy_test

import (
	"maps"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"
	engine "github.com/prometheus/prometheus/rules"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v2"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
)

// adapterRule is a rule of prometheus-adapter, as far as the sample uses it.
type adapterRule struct {
	SeriesQuery string `yaml:"seriesQuery"`
	Resources   struct {
		Overrides map[string]struct{ Resource string }
	}
	Name         struct{ Matches, As string }
	MetricsQuery string `yaml:"metricsQuery"`
}

// TestAdapterYieldsConnectionsOfPods evaluates the query that prometheus-adapter makes of
// its rule on the series that a scrape of the manifests yields.
func TestAdapterYieldsConnectionsOfPods(t *testing.T) {
	t.Parallel()
	var file struct{ Rules []adapterRule }
	require.NoError(t, yaml.UnmarshalStrict([]byte(read(t, "deploy/prometheus/adapter.yml")), &file))
	rule := file.Rules[0]
	scaler := one[*autoscalingv2.HorizontalPodAutoscaler](t, render(t, example), "HorizontalPodAutoscaler/edge-websocket")
	metrics := scaler.Spec.Metrics
	require.Equal(t, rule.Name.As, metrics[len(metrics)-1].Pods.Metric.Name)
	for way, found := range scrapes(t) {
		target := maps.Clone(found[1])
		target[model.MetricNameLabel] = selectors(t, rule.SeriesQuery)[0].Name
		series := "load 1m\n"
		for _, transport := range []string{"websocket", "sse"} {
			target["transport"] = transport
			series += "  " + labels.FromMap(target).String() + " 7x10\n"
		}
		storage := promqltest.LoadedStorage(t, series)
		query := engine.EngineQueryFunc(promqltest.NewTestEngine(t, false, 0, 1000), storage)
		got, err := query(t.Context(), rule.SeriesQuery, time.Unix(60, 0))
		require.NoError(t, err)
		require.Len(t, got, 2, "%s: the adapter finds the series of both transports", way)
		got, err = query(t.Context(), adapterQuery(t, rule, target), time.Unix(60, 0))
		require.NoError(t, err)
		require.Len(t, got, 1, way)
		require.InDelta(t, 14, got[0].F, 0, way)
		require.Equal(t, target["pod"], got[0].Metric.Get("pod"), way)
		require.NoError(t, storage.Close())
	}
}

// adapterQuery fills the template of the rule, as the adapter does for a pod.
func adapterQuery(t *testing.T, r adapterRule, target map[string]string) string {
	t.Helper()
	var matchers []string
	group := ""
	for label, resource := range r.Resources.Overrides {
		matchers = append(matchers, label+`="`+target[label]+`"`)
		if resource.Resource == "pod" {
			group = label
		}
	}
	var out strings.Builder
	query := template.Must(template.New("query").Delims("<<", ">>").Parse(r.MetricsQuery))
	require.NoError(t, query.Execute(&out, map[string]string{
		"Series": target[model.MetricNameLabel], "LabelMatchers": strings.Join(matchers, ","), "GroupBy": group,
	}))
	return out.String()
}
