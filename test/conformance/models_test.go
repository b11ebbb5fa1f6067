package conformance_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// TestModelsOfMessagesCompile generates TypeScript types from the AsyncAPI document that the
// service serves, and
// compiles a program that switches over the types of notifications.
func TestModelsOfMessagesCompile(t *testing.T) {
	t.Parallel()
	packages, dir := harness.NodeModules(t), t.TempDir()
	document := get(t, startNodeWithoutServers(t), "/asyncapi.json")
	generate := exec.Command("node", "models.cjs", dir)
	generate.Env, generate.Stdin = append(os.Environ(), "NODE_PATH="+packages), strings.NewReader(document)
	output, err := generate.CombinedOutput()
	require.NoError(t, err, "%s", output)
	program, err := os.ReadFile("switch_event.ts")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "switch_event.ts"), program, 0o600))
	models, err := os.ReadFile(filepath.Join(dir, "models.ts"))
	require.NoError(t, err)
	require.NotContains(t, string(models), "AnonymousSchema")
	compile := exec.Command("node", filepath.Join(packages, "typescript", "bin", "tsc"),
		"--noEmit", "--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler",
		filepath.Join(dir, "switch_event.ts"))
	output, err = compile.CombinedOutput()
	require.NoError(t, err, "%s", output)
}
