package matrix_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/huleedu/edge/test/harness"
)

// waitLimit limits the wait for an event. Only a failing test uses it up.
const waitLimit = harness.WaitLimit

// gateway is a running gateway process.
type gateway struct {
	*harness.Program

	addr string
	log  *requestLog
}

// startGateway starts a gateway with these settings and waits until it listens.
func startGateway(t *testing.T, vars map[string]string) *gateway {
	t.Helper()
	p := harness.Start(t, "gateway", vars)
	return &gateway{Program: p, addr: p.Address(t), log: newRequestLog(p.Stdout)}
}

// stop terminates the gateway. It is an error of the test if the gateway had a
// data race or does not exit with 0.
func (g *gateway) stop(t *testing.T, name string) {
	t.Helper()
	g.Terminate(t)
	code := g.Exit(t, waitLimit)
	if races := g.races(); len(races) > 0 {
		t.Errorf("gateway %q has %d data races, the first one:\n%s", name, len(races), races[0])
	}
	if code != 0 {
		t.Errorf("gateway %q exits with %d", name, code)
	}
}

// races returns the reports of the race detector.
func (g *gateway) races() []string {
	var out []string
	for report := range strings.SplitSeq(g.Stderr.String(), "==================") {
		if strings.Contains(report, "WARNING: DATA RACE") {
			out = append(out, report)
		}
	}
	return out
}

// with returns settings with changes.
func with(vars, changes map[string]string) map[string]string {
	out := maps.Clone(vars)
	maps.Copy(out, changes)
	return out
}
