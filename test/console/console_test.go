package console_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
)

// page is a console in a process of its own.
type page struct {
	url string
	// redis and kafka are the servers of the demonstration.
	redis, kafka string
}

// adminToken is ADMIN_TOKEN of the services.
const adminToken = "operators-token-of-the-console-tests"

// startDemonstration starts "edge up" on free ports and returns its console.
func startDemonstration(t *testing.T) page {
	t.Helper()
	p := harness.Start(t, "edge", map[string]string{
		"WEBSOCKET_DRAIN_SPREAD": "0", "ADMIN_TOKEN": adminToken, "API_GATEWAY_ADMIN_ADDR": "127.0.0.1:0", "WEBSOCKET_ADMIN_ADDR": "127.0.0.1:0",
	}, "up", "--gateway", "127.0.0.1:0", "--websocket", "127.0.0.1:0",
		"--redis-listen", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0", "--example", "127.0.0.1:0", "--pace", "500ms")
	t.Cleanup(func() { p.Stop(t) })
	return page{awaitOutput(t, p, `console +(http://\S+)`), awaitOutput(t, p, `redis +(redis://\S+)`), awaitOutput(t, p, `kafka +(127\S+)`)}
}

// startConsole starts "edge console" for the services of a demonstration.
func startConsole(t *testing.T, services page, flags ...string) page {
	t.Helper()
	response, err := http.Get(services.url + "api/nodes")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	var nodes []struct{ Address string }
	require.NoError(t, json.NewDecoder(response.Body).Decode(&nodes))
	require.Len(t, nodes, 2)
	p := harness.Start(t, "edge", map[string]string{"ADMIN_TOKEN": adminToken},
		append([]string{"console", "--redis", services.redis, "--kafka", services.kafka, "--nodes", nodes[0].Address + "," + nodes[1].Address}, flags...)...)
	t.Cleanup(func() {
		require.NotContains(t, p.Stderr.String(), adminToken)
		p.Stop(t)
	})
	return page{url: awaitOutput(t, p, `console +(http://\S+)`)}
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

// writeBrokenRecord writes a record that becomes a dead letter.
func (p page) writeBrokenRecord(t *testing.T) {
	t.Helper()
	k, err := kgo.NewClient(kgo.SeedBrokers(p.kafka))
	require.NoError(t, err)
	defer k.Close()
	record := kgo.Record{Topic: string(domain.NotificationTopic), Key: []byte("teacher-anna"), Value: []byte("no envelope")}
	require.NoError(t, k.ProduceSync(t.Context(), &record).FirstErr())
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

// TestDemonstration runs the views that need the simulated platform, each scenario on services of
// its own, so that a failure stays in its scenario.
func TestDemonstration(t *testing.T) {
	t.Parallel()
	for _, scenario := range []string{"faults", "operators", "try", "journey"} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			p := startDemonstration(t)
			p.writeBrokenRecord(t)
			p.run(t, scenario, map[string]any{"full": harness.Full(), "demonstration": p.url})
		})
	}
}

// TestConsoleOfRunningServices runs the views of an operator against services in another process.
func TestConsoleOfRunningServices(t *testing.T) {
	t.Parallel()
	services := startDemonstration(t)
	services.writeBrokenRecord(t)
	t.Run("read-only", func(t *testing.T) {
		startConsole(t, services).run(t, "operators", map[string]any{"demonstration": services.url, "readOnly": true})
	})
	if harness.Full() {
		t.Run("with actions", func(t *testing.T) {
			startConsole(t, services, "--allow-actions").run(t, "operators", map[string]any{"demonstration": services.url})
		})
	}
}
