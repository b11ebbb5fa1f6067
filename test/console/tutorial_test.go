package console_test

import (
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// upCommand is the block of the tutorial that runs until the reader stops it.
const upCommand = "bin/edge up\n"

// tutorialGateway is the address of the gateway in the tutorial.
const tutorialGateway = "http://127.0.0.1:4001"

// TestTutorial runs the blocks of docs/tutorial.md in their order, in the root of the repository, with
// services on free ports: the commands read their addresses from variables, and the address of the
// gateway, which curl needs, is replaced.
func TestTutorial(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(root, "docs", "tutorial.md"))
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	require.Greater(t, len(blocks), 5)
	gateway, environment := tutorialGateway, os.Environ()
	for _, block := range blocks {
		if block[1] == upCommand {
			gateway, environment = startForTutorial(t)
			continue
		}
		for command := range strings.Lines(block[1]) {
			c := exec.Command("bash", "-euo", "pipefail", "-c", strings.ReplaceAll(command, tutorialGateway, gateway))
			c.Dir, c.Env = root, environment
			out, err := c.CombinedOutput()
			require.NoError(t, err, "%s%s", command, out)
			t.Logf("$ %s%s", command, out)
		}
	}
	require.NotEqual(t, tutorialGateway, gateway, "the tutorial starts the services")
}

// startForTutorial runs "edge up" on free ports. It returns the URL of the gateway, and the
// environment in which the commands of the tutorial find the services.
func startForTutorial(t *testing.T) (gateway string, environment []string) {
	t.Helper()
	p := harness.Start(t, "edge", nil, "up", "--pace", "200ms", "--gateway", "127.0.0.1:0", "--websocket", "127.0.0.1:0",
		"--redis-listen", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0", "--example", "127.0.0.1:0")
	t.Cleanup(func() { p.Stop(t) })
	awaitOutput(t, p, `(Press Ctrl-C to stop)`)
	gateway = awaitOutput(t, p, `gateway +(http://\S+)`)
	socket, err := url.Parse(awaitOutput(t, p, `(ws://\S+/ws)`))
	require.NoError(t, err)
	_, gatewayPort, err := net.SplitHostPort(strings.TrimPrefix(gateway, "http://"))
	require.NoError(t, err)
	return gateway, append(os.Environ(), "EDGE_GATEWAY_URL="+gateway, "EDGE_WEBSOCKET_URL="+socket.String(),
		"API_GATEWAY_HTTP_PORT="+gatewayPort, "WEBSOCKET_PORT="+socket.Port(),
		"REDIS_URL="+awaitOutput(t, p, `redis +(redis://\S+)`), "KAFKA_BOOTSTRAP_SERVERS="+awaitOutput(t, p, `kafka +(127\S+)`))
}
