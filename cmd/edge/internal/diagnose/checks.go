// Package diagnose finds out what is wrong with the settings, the servers behind the services
// and a token, for the commands "edge doctor" and "edge token check".
package diagnose

import (
	"context"
	"net/http"

	"github.com/huleedu/edge/wire"
)

// checks collects the findings about one or both services.
type checks struct {
	origin   string
	targets  []target
	findings []Finding
}

// Examine checks what the services need, with the settings of the source. services are
// "gateway" and "websocket". origin, unless empty, must be allowed. A fault of one thing does
// not hide the others. It changes nothing.
func Examine(ctx context.Context, source wire.ConfigSource, services []string, origin string) []Finding {
	d := &checks{origin: origin}
	for _, name := range services {
		if name == "gateway" {
			d.targets = append(d.targets, gatewayTarget(source))
		} else {
			d.targets = append(d.targets, webSocketTarget(source))
		}
	}
	defer http.DefaultClient.CloseIdleConnections()
	d.examine(ctx)
	return d.findings
}

// examine runs all checks.
func (d *checks) examine(ctx context.Context) {
	for _, p := range d.targets {
		d.checkSettings(p)
	}
	for _, p := range d.distinct(func(p target) string { return p.redis.URL.Reveal() }) {
		d.checkRedis(ctx, p)
	}
	d.checkKafka(ctx)
	d.checkKeys(ctx, d.targets[0])
	for _, p := range d.targets {
		d.checkPorts(ctx, p)
		d.checkOrigins(p)
		d.checkDownstream(ctx, p)
	}
	d.checkOpenFiles()
}

// distinct returns one target for each value.
func (d *checks) distinct(of func(target) string) []target {
	known := map[string]bool{}
	var out []target
	for _, p := range d.targets {
		if !known[of(p)] {
			known[of(p)] = true
			out = append(out, p)
		}
	}
	return out
}

// Severity says how bad a finding is.
type Severity string

// The severities, as they are printed.
const (
	Good    Severity = "ok"   // Good is the severity of what works.
	Warning Severity = "warn" // Warning is the severity of what works but may surprise.
	Fault   Severity = "FAIL" // Fault is the severity of what does not work.
)

// Finding is the result of one check.
type Finding struct {
	Severity Severity `json:"severity"`
	Check    string   `json:"check"`
	Found    string   `json:"found"`
	// Advice is what to do; empty for what works.
	Advice string `json:"advice,omitempty"`
}

func (d *checks) add(s Severity, check, found, advice string) {
	d.findings = append(d.findings, Finding{s, check, found, advice})
}
