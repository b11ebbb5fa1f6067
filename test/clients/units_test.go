package clients_test

import (
	"errors"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// packageDir is the directory of the client.
const packageDir = "../../clients/js"

// exitNoNode is the exit code of build.sh when Node with npm is not installed.
const exitNoNode = 77

// buildClient builds the package once and returns the output.
var buildClient = sync.OnceValues(func() ([]byte, error) {
	return exec.Command(packageDir + "/build.sh").CombinedOutput()
})

// build builds the package. Without Node the test is skipped or fails.
func build(t *testing.T) {
	t.Helper()
	output, err := buildClient()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() == exitNoNode {
		harness.SkipOrFail(t, string(output))
	}
	require.NoError(t, err, "%s", output)
}

// TestUnits runs the client's own tests: units with a fake clock and service, the types that
// consumers see, the sizes and the content of the package.
func TestUnits(t *testing.T) {
	t.Parallel()
	build(t)
	command := exec.Command("node", "--test", "--test-reporter=tap", "test/")
	command.Dir = packageDir
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
	passed := regexp.MustCompile(`(?m)^# pass (\d+)$`).FindSubmatch(output)
	require.NotNil(t, passed, "%s", output)
	count, err := strconv.Atoi(string(passed[1]))
	require.NoError(t, err)
	require.Greater(t, count, 100)
	for _, size := range regexp.MustCompile(`(?m)^# (\S+: \d+ bytes with gzip)$`).FindAllSubmatch(output, -1) {
		t.Logf("%s", size[1])
	}
}
