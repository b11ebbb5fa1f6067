package e2e_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/metrics"
)

// pages are the metrics by job. The metrics of several nodes of a service are summed, as in Prometheus.
type pages map[string][]metrics.Page

// add reads the metrics of one more node.
func (p pages) add(t *testing.T, job, url string) {
	t.Helper()
	p[job] = append(p[job], pageAt(t, url))
}

// pageAt reads the metrics of a node.
func pageAt(t *testing.T, url string) metrics.Page {
	t.Helper()
	page, err := metrics.Fetch(t.Context(), url)
	require.NoError(t, err)
	return page
}

// shapes returns a job's metrics as "name{labels} type", without those of Go and the process.
func (p pages) shapes(job string) []string {
	found := map[string]bool{}
	for _, families := range p[job] {
		for name, f := range families {
			if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
				continue
			}
			for _, m := range f.Metric {
				var labels []string
				for _, l := range m.Label {
					labels = append(labels, l.GetName())
				}
				found[shape(name, labels)+" "+strings.ToLower(f.GetType().String())] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func shape(name string, labels []string) string {
	slices.Sort(labels)
	return name + "{" + strings.Join(labels, ",") + "}"
}

// matchGolden requires exactly the metrics of the golden list, with their labels and types.
func (p pages) matchGolden(t *testing.T) {
	t.Helper()
	raw, err := os.ReadFile("../metrics/testdata/metrics.golden")
	require.NoError(t, err)
	want, job := map[string][]string{}, ""
	label := regexp.MustCompile(` (\w+)=\[`)
	for line := range strings.Lines(string(raw)) {
		if name, heading := strings.CutPrefix(line, "# "); heading {
			job = strings.TrimSpace(name)
			continue
		}
		words := strings.Fields(line)
		var labels []string
		for _, found := range label.FindAllStringSubmatch(line, -1) {
			labels = append(labels, found[1])
		}
		want[job] = append(want[job], shape(words[0], labels)+" "+words[1])
	}
	require.Len(t, want, 2)
	for job, lines := range want {
		if job == "websocket" {
			lines = slices.DeleteFunc(lines, func(line string) bool { return line == keySetMetric })
		}
		slices.Sort(lines)
		require.Equal(t, lines, p.shapes(job), "%s: left the golden list, right the pages", job)
	}
}

// keySetMetric exists only in services with a key set; of the scenario, one gateway has one.
const keySetMetric = "jwt_jwks_last_success_timestamp_seconds{} gauge"

// requireNoIDs requires that no label contains the id of a user, batch or request.
func (p pages) requireNoIDs(t *testing.T) {
	t.Helper()
	id := regexp.MustCompile(`(?i)[0-9a-f]{8}-[0-9a-f]{4}|teacher-|batch-|stranger|nonsense|evil`)
	for job, all := range p {
		for _, families := range all {
			for name, f := range families {
				for _, m := range f.Metric {
					for _, l := range m.Label {
						require.NotRegexp(t, id, l.GetValue(), "%s: label %s of %s", job, l.GetName(), name)
					}
				}
			}
		}
	}
}

// requireCounted requires that each value of the label was counted.
func (p pages) requireCounted(t *testing.T, job, name, label string, values ...string) {
	t.Helper()
	for _, value := range values {
		sum := 0.0
		for _, families := range p[job] {
			sum += families.Sum(name, label)[value]
		}
		require.Positive(t, sum, "%s{%s=%q}", name, label, value)
	}
}
