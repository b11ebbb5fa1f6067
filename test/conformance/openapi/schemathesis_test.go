package openapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

const (
	// exitNoTool is the exit code of the scripts when a tool is not installed.
	exitNoTool = 77
	// runTimeout limits the run, including the first installation.
	runTimeout = 5 * time.Minute
	// minRequests is the minimum number of requests, to detect a run without requests.
	minRequests = 800
)

// report is the report of schemathesis.
type report struct {
	Complete   bool
	Operations struct{ Total, Selected, Tested, Errored, Skipped int }
	Phases     map[string]struct{ Status string }
	TestCases  struct {
		Generated int `json:"generated"`
		Failures  int `json:"unique_failures"`
	} `json:"test_cases"`
	Failures []json.RawMessage
	Errors   []json.RawMessage
}

// TestGatewayConformsToOpenAPI checks all generated requests and responses.
func TestGatewayConformsToOpenAPI(t *testing.T) {
	t.Parallel()
	base := startGateway(t)
	file := filepath.Join(t.TempDir(), "report.json")
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, "./schemathesis.sh", base, harness.Token(teacher), file)
	command.Env = append(os.Environ(), fmt.Sprintf("MAX_EXAMPLES=%d", harness.Count(25, 8)))
	command.WaitDelay = time.Second
	text, err := command.CombinedOutput()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() == exitNoTool {
		skipOrFail(t, string(text))
	}
	require.NoError(t, err, "%s", text)
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	var r report
	require.NoError(t, json.Unmarshal(raw, &r))
	r.check(t, countOperations(t))
}

// check requires that all operations were tested without a failure.
func (r report) check(t *testing.T, operations int) {
	t.Helper()
	require.True(t, r.Complete)
	require.Equal(t, operations, r.Operations.Tested, "tested operations")
	require.Zero(t, r.Operations.Errored+r.Operations.Skipped)
	for _, phase := range []string{"examples", "coverage", "fuzzing", "stateful"} {
		require.Equal(t, "success", r.Phases[phase].Status, phase)
	}
	require.Greater(t, r.TestCases.Generated, minRequests, "generated requests")
	require.Zero(t, r.TestCases.Failures)
	require.Empty(t, r.Failures)
	require.Empty(t, r.Errors)
	t.Logf("%d operations, %d requests, no failures", r.Operations.Tested, r.TestCases.Generated)
}

// skipOrFail skips the test, or fails it when real servers are required.
func skipOrFail(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("EDGE_TEST_REQUIRE_REAL") == "1" {
		t.Fatal(why)
	}
	t.Skip("SKIPPED: " + why)
}
