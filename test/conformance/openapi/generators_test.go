package openapi_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestGeneratorsAcceptTheDocument checks that a linter and two generators accept the served
// document, and that a program that uses the generated code compiles.
func TestGeneratorsAcceptTheDocument(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	document := filepath.Join(dir, "openapi.json")
	require.NoError(t, os.WriteFile(document, fetch(t, startGateway(t)+"/openapi.json"), 0o600))
	program, err := os.ReadFile("read_status.ts")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "read_status.ts"), program, 0o600))
	output := generate(t, document, dir)
	types, err := os.ReadFile(filepath.Join(dir, "types.ts"))
	require.NoError(t, err)
	// The generator itself writes two empty types: webhooks and $defs.
	empty := regexp.MustCompile(`(?m)^.*Record<string, never>.*$`).FindAllString(string(types), -1)
	require.Equal(t, []string{
		"export type webhooks = Record<string, never>;", "export type $defs = Record<string, never>;",
	}, empty, "empty types")
	t.Logf("%s", output)
}

// generate runs the tools and returns their output.
func generate(t *testing.T, document, dir string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, "./generate.sh", document, dir)
	command.WaitDelay = time.Second
	output, err := command.CombinedOutput()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() == exitNoTool {
		skipOrFail(t, string(output))
	}
	require.NoError(t, err, "%s", output)
	return string(output)
}

func fetch(t *testing.T, target string) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
	require.NoError(t, err)
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	return body
}
