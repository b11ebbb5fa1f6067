package console_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// page is a console in a process of its own.
type page struct{ url string }

// startDemonstration starts "edge up" on free ports and returns its console.
func startDemonstration(t *testing.T) page {
	t.Helper()
	p := harness.Start(t, "edge", map[string]string{"WEBSOCKET_DRAIN_SPREAD": "0"}, "up", "--gateway", "127.0.0.1:0", "--websocket", "127.0.0.1:0",
		"--redis-listen", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0", "--example", "127.0.0.1:0", "--pace", "500ms")
	t.Cleanup(func() { p.Stop(t) })
	return page{awaitOutput(t, p, `console +(http://\S+)`)}
}

// awaitOutput waits until a program has printed a match, and returns its first group.
func awaitOutput(t *testing.T, p *harness.Program, pattern string) string {
	t.Helper()
	match := regexp.MustCompile(pattern)
	var found []string
	require.Eventually(t, func() bool {
		found = match.FindStringSubmatch(p.Stdout.String())
		return found != nil
	}, harness.WaitLimit, 20*time.Millisecond, "%s: %s%s", pattern, p.Stdout, p.Stderr)
	return found[1]
}

// run runs a scenario in Chromium. EDGE_CONSOLE_PICTURES names a directory for its pictures.
func (p page) run(t *testing.T, scenario string, options map[string]any) {
	t.Helper()
	encoded, err := json.Marshal(options)
	require.NoError(t, err)
	c := exec.Command("node", "run.cjs", scenario, p.url, os.Getenv("EDGE_CONSOLE_PICTURES"))
	c.Env = append(os.Environ(), "NODE_PATH="+harness.NodeModules(t), "CHROMIUM="+harness.Chromium(t), "OPTIONS="+string(encoded))
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// TestDemonstration runs the views that need the simulated platform.
func TestDemonstration(t *testing.T) {
	p := startDemonstration(t)
	for _, scenario := range []string{"try", "journey", "faults"} {
		t.Run(scenario, func(t *testing.T) { p.run(t, scenario, map[string]any{"full": harness.Full()}) })
	}
}
