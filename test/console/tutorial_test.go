package console_test

import (
	"net"
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

// TestTutorial runs the blocks of docs/tutorial.md in their order, in the root of the repository. It
// is skipped while another program uses a port of the tutorial.
func TestTutorial(t *testing.T) {
	for _, port := range []string{"4001", "4002", "4092", "4379", "8080"} {
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Skip("SKIPPED: " + err.Error())
		}
		require.NoError(t, l.Close())
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(root, "docs", "tutorial.md"))
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	require.Greater(t, len(blocks), 5)
	for _, block := range blocks {
		if block[1] == upCommand {
			p := harness.Start(t, "edge", nil, "up", "--pace", "200ms")
			awaitOutput(t, p, `(Press Ctrl-C to stop)`)
			t.Cleanup(func() { p.Stop(t) })
			continue
		}
		for command := range strings.Lines(block[1]) {
			c := exec.Command("bash", "-euo", "pipefail", "-c", command)
			c.Dir = root
			out, err := c.CombinedOutput()
			require.NoError(t, err, "%s%s", command, out)
			t.Logf("$ %s%s", command, out)
		}
	}
}
