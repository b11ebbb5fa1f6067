package deploy_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"github.com/prometheus/prometheus/util/strutil"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v2"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8slabels "k8s.io/apimachinery/pkg/labels"
)

// scrapeNamespace is where the pods of these tests run.
const scrapeNamespace = "huleedu-edge"

// scrapeJob is one entry of scrape_configs, as far as the sample uses it.
type scrapeJob struct {
	Name       string                  `yaml:"job_name"`
	Interval   model.Duration          `yaml:"scrape_interval"`
	Kubernetes []struct{ Role string } `yaml:"kubernetes_sd_configs"`
	Relabel    []*relabel.Config       `yaml:"relabel_configs"`
}

// plainJob reads deploy/prometheus/scrape.yml. An unknown field is an error.
func plainJob(t *testing.T) scrapeJob {
	t.Helper()
	var file struct {
		Jobs []scrapeJob `yaml:"scrape_configs"`
	}
	require.NoError(t, yaml.UnmarshalStrict([]byte(read(t, "deploy/prometheus/scrape.yml")), &file))
	require.Len(t, file.Jobs, 1)
	require.Equal(t, "pod", file.Jobs[0].Kubernetes[0].Role)
	return file.Jobs[0]
}

// operatorJob returns the scrape job that the Prometheus operator makes of a PodMonitor:
// its own relabelling, then that of the endpoint.
func operatorJob(t *testing.T, m *monitoringv1.PodMonitor) scrapeJob {
	t.Helper()
	require.Len(t, m.Spec.PodMetricsEndpoints, 1)
	endpoint := m.Spec.PodMetricsEndpoints[0]
	const label = "__meta_kubernetes_pod_label_"
	text := "- {source_labels: [__meta_kubernetes_pod_container_port_name], regex: " + *endpoint.Port + ", action: keep}\n" +
		"- {source_labels: [__meta_kubernetes_namespace], target_label: namespace}\n" +
		"- {source_labels: [__meta_kubernetes_pod_container_name], target_label: container}\n" +
		"- {source_labels: [__meta_kubernetes_pod_name], target_label: pod}\n" +
		"- {target_label: job, replacement: " + scrapeNamespace + "/" + m.Name + "}\n"
	if m.Spec.JobLabel != "" {
		text += "- {source_labels: [" + label + strutil.SanitizeLabelName(m.Spec.JobLabel) + "], regex: (.+), target_label: job}\n"
	}
	for _, r := range endpoint.RelabelConfigs {
		var sources []string
		for _, s := range r.SourceLabels {
			sources = append(sources, string(s))
		}
		text += "- {source_labels: [" + strings.Join(sources, ", ") + "], target_label: " + r.TargetLabel + "}\n"
	}
	job := scrapeJob{Name: "podMonitor/" + m.Name}
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), &job.Relabel))
	return job
}

// discovered returns the labels that Kubernetes discovery gives to the ports of a pod of
// the deployment.
func discovered(d *appsv1.Deployment) (out []labels.Labels) {
	pod := d.Spec.Template
	for _, c := range pod.Spec.Containers {
		for _, port := range c.Ports {
			set := map[string]string{
				model.AddressLabel:                          fmt.Sprintf("10.0.0.7:%d", port.ContainerPort),
				"__meta_kubernetes_namespace":               scrapeNamespace,
				"__meta_kubernetes_pod_name":                d.Name + "-5d9c7b-x2",
				"__meta_kubernetes_pod_phase":               "Running",
				"__meta_kubernetes_pod_container_name":      c.Name,
				"__meta_kubernetes_pod_container_port_name": port.Name,
			}
			for name, value := range pod.Labels {
				set["__meta_kubernetes_pod_label_"+strutil.SanitizeLabelName(name)] = value
			}
			out = append(out, labels.FromMap(set))
		}
	}
	return out
}

// targets returns the labels that the job gives to the series of each pod that it scrapes.
func targets(t *testing.T, all objects, job scrapeJob) (out []map[string]string) {
	t.Helper()
	for _, r := range job.Relabel {
		require.NoError(t, r.Validate(model.UTF8Validation))
	}
	for _, name := range []string{"gateway", "websocket"} {
		for _, found := range discovered(one[*appsv1.Deployment](t, all, "Deployment/edge-"+name)) {
			b := labels.NewBuilder(found)
			b.Set(model.JobLabel, job.Name)
			if !relabel.ProcessBuilder(b, job.Relabel...) {
				continue
			}
			set := b.Labels().Map()
			if set[model.InstanceLabel] == "" {
				set[model.InstanceLabel] = set[model.AddressLabel]
			}
			maps.DeleteFunc(set, func(name, _ string) bool { return strings.HasPrefix(name, model.ReservedLabelPrefix) })
			out = append(out, set)
		}
	}
	return out
}

// scrapes returns the targets of both ways to scrape the example.
func scrapes(t *testing.T) map[string][]map[string]string {
	t.Helper()
	all := render(t, example)
	monitor := one[*monitoringv1.PodMonitor](t, all, "PodMonitor/edge")
	return map[string][]map[string]string{
		"PodMonitor": targets(t, all, operatorJob(t, monitor)),
		"scrape.yml": targets(t, all, plainJob(t)),
	}
}

func TestScrapesYieldTheLabelsOfRulesAndDashboards(t *testing.T) {
	t.Parallel()
	for way, found := range scrapes(t) {
		require.Len(t, found, 2, "%s: one target for each service", way)
		for i, service := range []string{"gateway", "websocket"} {
			pod := "edge-" + service + "-5d9c7b-x2"
			for name, value := range map[string]string{"job": service, "namespace": scrapeNamespace, "pod": pod, "instance": pod} {
				require.Equal(t, value, found[i][name], "%s: %s", way, name)
			}
		}
	}
	for _, file := range []string{"recording.yml", "alerts.yml"} {
		for _, r := range rules(t, file) {
			for _, s := range selectors(t, r.Expr) {
				for _, m := range s.LabelMatchers {
					if m.Name == model.JobLabel {
						require.True(t, m.Matches("gateway") || m.Matches("websocket"), r.Expr)
					}
				}
			}
		}
	}
}

func TestPodMonitorSelectsThePods(t *testing.T) {
	t.Parallel()
	all := render(t, example)
	selector, err := metav1.LabelSelectorAsSelector(&one[*monitoringv1.PodMonitor](t, all, "PodMonitor/edge").Spec.Selector)
	require.NoError(t, err)
	for _, name := range []string{"gateway", "websocket"} {
		pod := one[*appsv1.Deployment](t, all, "Deployment/edge-"+name).Spec.Template
		require.True(t, selector.Matches(k8slabels.Set(pod.Labels)))
		require.Empty(t, pod.Annotations, "a generic scrape by annotation would add a second job")
	}
}

// TestAlertsAreSilentOnHealthyServices evaluates every alert on what a scrape of the
// manifests yields while both services are idle, and while one of them has no pods.
func TestAlertsAreSilentOnHealthyServices(t *testing.T) {
	t.Parallel()
	for way, found := range scrapes(t) {
		both := idle(t, found[0]) + idle(t, found[1])
		for _, r := range rules(t, "alerts.yml") {
			require.False(t, fires(t, r, strings.TrimSpace(both)), "%s: %s", way, r.Alert)
		}
		down := map[string]string{"GatewayDown": idle(t, found[1]), "WebSocketDown": idle(t, found[0])}
		for _, r := range rules(t, "alerts.yml") {
			if series, known := down[r.Alert]; known {
				require.True(t, fires(t, r, strings.TrimSpace(series)), "%s: %s", way, r.Alert)
			}
		}
	}
}

// healthy returns the samples of a metric of an idle service without faults, one a minute.
func healthy(metric string) string {
	switch {
	case strings.HasSuffix(metric, "_dependency_up"):
		return "1x90"
	case metric == "jwt_jwks_last_success_timestamp_seconds": // fetched each minute
		return "60+60x90"
	default:
		return "0x90"
	}
}

// idle returns the series of a target whose service is healthy and idle.
func idle(t *testing.T, target map[string]string) string {
	t.Helper()
	var out strings.Builder
	write := func(name string, extra map[string]string, values string) {
		set := maps.Clone(target)
		maps.Copy(set, extra)
		set[model.MetricNameLabel] = name
		fmt.Fprintf(&out, "%s %s\n", labels.FromMap(set), values)
	}
	write("up", nil, "1x90")
	write("process_open_fds", nil, "10x90")
	write("process_max_fds", nil, "65536x90")
	for line := range strings.Lines(section(t, target["job"])) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		name, kind, values := fields[0], fields[1], goldenLabels(line)
		value := healthy(name)
		switch {
		case kind == "histogram":
			write(name+"_bucket", map[string]string{"le": "0.1"}, "0x90")
			write(name+"_bucket", map[string]string{"le": "+Inf"}, "0x90")
		case len(values) == 0:
			write(name, nil, value)
		}
		for label, all := range values {
			for _, v := range all {
				write(name, map[string]string{label: v}, value)
			}
		}
	}
	return out.String()
}

// section returns the part of the golden list of metrics that belongs to a service.
func section(t *testing.T, service string) string {
	t.Helper()
	_, rest, found := strings.Cut(read(t, "test/metrics/testdata/metrics.golden"), "# "+service+"\n")
	require.True(t, found)
	rest, _, _ = strings.Cut(rest, "\n# ")
	return rest
}

// goldenLabels returns the label with the most values of a line "name kind a=[x y]", so
// that each value gives one series.
func goldenLabels(line string) map[string][]string {
	longest := map[string][]string{}
	for part := range strings.SplitSeq(line, "] ") {
		head, list, found := strings.Cut(strings.Trim(part, "]\n"), "=[")
		if !found {
			continue
		}
		words := strings.Fields(head)
		values := strings.Fields(list)
		if current := slices.Collect(maps.Values(longest)); len(current) == 0 || len(values) > len(current[0]) {
			longest = map[string][]string{words[len(words)-1]: values}
		}
	}
	return longest
}
