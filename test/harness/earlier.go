package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// EarlierPrograms builds the services of an earlier commit, once, in a directory of the user's cache,
// and returns that directory. It skips the test if the history is not available.
func EarlierPrograms(t *testing.T, commit string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	dir := filepath.Join(cache, "huleedu-edge", commit)
	require.NoError(t, os.MkdirAll(dir, 0o750))
	unlock, err := lockDir(dir)
	require.NoError(t, err)
	defer unlock()
	programs := filepath.Join(dir, "bin")
	if _, err := os.Stat(filepath.Join(programs, "websocket")); err == nil {
		return programs
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	if exec.CommandContext(t.Context(), "git", "-C", root, "cat-file", "-e", commit+"^{commit}").Run() != nil {
		t.Skipf("SKIPPED: the history does not contain commit %s", commit)
	}
	// The archive is written to a file, so that a failure of either program is noticed.
	source := t.TempDir()
	archive := filepath.Join(source, "source.tar")
	run(t, root, "git", "archive", "--output="+archive, commit)
	run(t, source, "tar", "-xf", archive)
	run(t, source, "go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", programs+"/", "./cmd/gateway", "./cmd/websocket")
	return programs
}

// run runs a program in a directory, without cgo as for a release.
func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = dir
	c.Env = append(c.Environ(), "CGO_ENABLED=0")
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
