package harness

import (
	"cmp"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// SkipOrFail skips the test, or fails it when "make test" requires every tool.
func SkipOrFail(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("EDGE_TEST_REQUIRE_REAL") == "1" {
		t.Fatal(why)
	}
	t.Skip("SKIPPED: " + why)
}

// Chromium returns the path of the browser: the variable CHROMIUM, or where Debian installs it. It
// skips the test when there is none.
func Chromium(t *testing.T) string {
	t.Helper()
	path := cmp.Or(os.Getenv("CHROMIUM"), "/usr/bin/chromium")
	if _, err := os.Stat(path); err != nil {
		SkipOrFail(t, "Chromium is not installed: "+err.Error())
	}
	return path
}

// exitNoInterpreter is the exit code of node.sh when Node is not installed.
const exitNoInterpreter = 77

// NodeModules installs the packages of the package-lock.json in the test's directory outside the
// tree and returns the directory for NODE_PATH. It skips the test when Node is not installed.
func NodeModules(t *testing.T) string {
	t.Helper()
	here, err := os.Getwd()
	require.NoError(t, err)
	tests := here
	for filepath.Base(tests) != "test" {
		tests = filepath.Dir(tests)
		require.NotEqual(t, "/", tests, "the test is not below test/")
	}
	c := exec.Command(filepath.Join(tests, "conformance", "node.sh"), here)
	stderr := &strings.Builder{}
	c.Stderr = stderr
	path, err := c.Output()
	if ended, ok := errors.AsType[*exec.ExitError](err); ok && ended.ExitCode() == exitNoInterpreter {
		SkipOrFail(t, stderr.String())
	}
	require.NoError(t, err, "%s", stderr)
	return strings.TrimSpace(string(path))
}
