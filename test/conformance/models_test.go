package conformance_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/api"
)

// TestModelsOfMessagesCompile generates TypeScript types from the AsyncAPI document and
// compiles a program that switches over the types of notifications.
func TestModelsOfMessagesCompile(t *testing.T) {
	t.Parallel()
	packages, dir := nodeModules(t), t.TempDir()
	document, err := yaml.YAMLToJSON(api.AsyncAPI())
	require.NoError(t, err)
	generate := exec.Command("node", "models.cjs", dir)
	generate.Env, generate.Stdin = append(os.Environ(), "NODE_PATH="+packages), bytes.NewReader(document)
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
