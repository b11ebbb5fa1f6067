package deploy_test

import (
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql/promqltest"
	engine "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/teststorage"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/pause"
)

const (
	// scrapeInterval is the time between two scrapes on the clock of the rules.
	scrapeInterval = 15 * time.Second
	// realInterval is the real time between two scrapes while the test waits for an alert. On
	// the clock of the rules, time passes 150 times as fast, so that "for" and the windows of
	// the rules are evaluated unchanged.
	realInterval = 100 * time.Millisecond
	// maxSteps limits the scrapes in which an alert must change: two hours of the rules' clock.
	maxSteps = 480
)

// prometheusServer scrapes services and evaluates the rules of deploy/prometheus with
// Prometheus' own storage and engine, on a clock of its own.
type prometheusServer struct {
	t       *testing.T
	storage *teststorage.TestStorage
	queries engine.QueryFunc
	records []*engine.RecordingRule
	alerts  map[string]*engine.AlertingRule
	targets []scrapeTarget
	started time.Time // real
	now     time.Time // of the rules
}

// scrapeTarget is an instance of a job.
type scrapeTarget struct {
	job, address string
	// seen are the series of the last scrape; those that are missing in the next one end.
	seen map[string]labels.Labels
}

func newPrometheus(t *testing.T) *prometheusServer {
	t.Helper()
	p := &prometheusServer{t: t, storage: teststorage.New(t), alerts: map[string]*engine.AlertingRule{}, started: time.Now()}
	t.Cleanup(func() { _ = p.storage.Close() })
	p.now = p.started
	p.queries = engine.EngineQueryFunc(promqltest.NewTestEngine(t, false, 0, 1_000_000), p.storage)
	p.records = recordings(t)
	for _, r := range rules(t, "alerts.yml") {
		parsed, err := promQL().ParseExpr(r.Expr)
		require.NoError(t, err)
		p.alerts[r.Alert] = engine.NewAlertingRule(r.Alert, parsed, time.Duration(r.For), 0, labels.FromMap(r.Labels),
			labels.EmptyLabels(), labels.EmptyLabels(), "", true, slog.New(slog.DiscardHandler))
	}
	return p
}

// addTarget scrapes the address, host:port, from now on.
func (p *prometheusServer) addTarget(job, address string) {
	p.targets = append(p.targets, scrapeTarget{job: job, address: address})
}

// step advances the clock by one scrape interval, scrapes all targets and evaluates all rules.
func (p *prometheusServer) step() {
	p.t.Helper()
	p.now = p.now.Add(scrapeInterval)
	app := p.storage.Appender(p.t.Context())
	for i := range p.targets {
		samples := p.scrape(&p.targets[i])
		for _, s := range samples {
			_, err := app.Append(0, s.metric, p.now.UnixMilli(), s.value)
			require.NoError(p.t, err)
		}
	}
	require.NoError(p.t, app.Commit())
	record(p.t, p.storage, p.records, p.queries, p.now)
	for _, alert := range p.alerts {
		_, err := alert.Eval(p.t.Context(), 0, p.now, p.queries, &url.URL{}, 0)
		require.NoError(p.t, err)
		alert.SetEvaluationTimestamp(p.now)
	}
}

// awaitFiring scrapes until the alert fires. use is called before each scrape.
func (p *prometheusServer) awaitFiring(alert string, use func()) {
	p.t.Helper()
	p.await(alert, engine.StateFiring, use)
}

// awaitSilent scrapes until the alert is inactive. use is called before each scrape.
func (p *prometheusServer) awaitSilent(alert string, use func()) {
	p.t.Helper()
	p.await(alert, engine.StateInactive, use)
}

func (p *prometheusServer) await(alert string, want engine.AlertState, use func()) {
	p.t.Helper()
	began := p.now
	for range maxSteps {
		if use != nil {
			use()
		}
		p.step()
		if p.alerts[alert].State() == want {
			p.t.Logf("%s is %s after %s of the rules' clock", alert, want, p.now.Sub(began))
			return
		}
		pause.For(realInterval, "the scrape interval of the test")
	}
	require.FailNow(p.t, "the alert did not change", "%s is %s, not %s", alert, p.alerts[alert].State(), want)
}

// query returns the number of results of an expression now.
func (p *prometheusServer) query(text string) int {
	p.t.Helper()
	results, err := p.queries(p.t.Context(), text, p.now)
	require.NoError(p.t, err, text)
	return len(results)
}

// sample is one value of a series.
type sample struct {
	metric labels.Labels
	value  float64
}

// scrape returns the samples of a target: its metrics, "up", and the ends of series that are
// gone, as Prometheus marks them.
func (p *prometheusServer) scrape(t *scrapeTarget) []sample {
	samples, up := p.fetch(t), 1.0
	if samples == nil {
		up = 0
	}
	seen := map[string]labels.Labels{}
	for _, s := range samples {
		seen[s.metric.String()] = s.metric
	}
	for key, metric := range t.seen {
		if _, still := seen[key]; !still {
			samples = append(samples, sample{metric, math.Float64frombits(value.StaleNaN)})
		}
	}
	t.seen = seen
	return append(samples, sample{t.metric("up", nil, "", ""), up})
}

// fetch returns the metrics of a target; nil if it does not answer.
func (p *prometheusServer) fetch(t *scrapeTarget) (out []sample) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+t.address+"/metrics", http.NoBody)
	require.NoError(p.t, err)
	res, err := client.Do(req)
	if err != nil {
		return nil
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return nil
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(text)))
	require.NoError(p.t, err)
	for name, family := range families {
		for _, m := range family.Metric {
			out = append(out, p.samples(t, name, m)...)
		}
	}
	return out
}

// samples returns the samples of one metric. Unix times are converted to the clock of the rules.
func (p *prometheusServer) samples(t *scrapeTarget, name string, m *dto.Metric) (out []sample) {
	if h := m.GetHistogram(); h != nil {
		out = append(out, sample{t.metric(name+"_count", m, "", ""), float64(h.GetSampleCount())}, sample{t.metric(name+"_sum", m, "", ""), h.GetSampleSum()})
		for _, b := range h.GetBucket() {
			out = append(out, sample{t.metric(name+"_bucket", m, "le", model.SampleValue(b.GetUpperBound()).String()), float64(b.GetCumulativeCount())})
		}
		return out
	}
	v := m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetUntyped().GetValue()
	if strings.HasSuffix(name, "_timestamp_seconds") && v > 0 || name == "process_start_time_seconds" {
		real := time.Unix(0, int64(v*float64(time.Second)))
		v = float64(p.started.Add(real.Sub(p.started)*time.Duration(scrapeInterval/realInterval)).UnixMilli()) / 1000
	}
	return []sample{{t.metric(name, m, "", ""), v}}
}

// metric returns the labels of a series: those of the metric, one more if it has a name, and
// those of the target.
func (t *scrapeTarget) metric(name string, m *dto.Metric, extra, extraValue string) labels.Labels {
	all := map[string]string{"__name__": name, "job": t.job, "instance": t.address}
	for _, l := range m.GetLabel() {
		all[l.GetName()] = l.GetValue()
	}
	if extra != "" {
		all[extra] = extraValue
	}
	return labels.FromMap(all)
}
