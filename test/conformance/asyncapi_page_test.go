package conformance_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// TestAsyncAPIPageInChromium checks that the browser shows the page of the messages without a
// complaint and without further requests, and that it fits on a phone.
func TestAsyncAPIPageInChromium(t *testing.T) {
	t.Parallel()
	node := startNodeWithoutServers(t)
	c := exec.Command("node", "page.cjs", "http://"+node.Addr+"/asyncapi")
	c.Env = append(os.Environ(), "NODE_PATH="+harness.NodeModules(t), "CHROMIUM="+harness.Chromium(t))
	c.Stderr = os.Stderr
	output, err := c.Output()
	require.NoError(t, err)
	var page struct {
		Problems, Hosts []string
		TooWide         int `json:"too_wide"`
	}
	require.NoError(t, json.Unmarshal(output, &page))
	require.Empty(t, page.Problems)
	require.Equal(t, []string{node.Addr}, page.Hosts)
	require.LessOrEqual(t, page.TooWide, 0)
}
