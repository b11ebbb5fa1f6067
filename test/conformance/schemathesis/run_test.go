package schemathesis_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// noPython is how run.sh says that there is none.
	noPython = 77
	// limit bounds the run, the first install included.
	limit = 5 * time.Minute
	// enough is how many requests must have been tried: a tool that tries none
	// finds nothing.
	enough = 800
)

// report is what schemathesis says of its run.
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

// TestGatewayKeepsItsWord: whatever schemathesis thinks of, the gateway answers
// as its document says.
func TestGatewayKeepsItsWord(t *testing.T) {
	t.Parallel()
	base := gateway(t)
	file := filepath.Join(t.TempDir(), "report.json")
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	command := exec.CommandContext(ctx, "./run.sh", base, token(teacher), file)
	command.WaitDelay = time.Second
	text, err := command.CombinedOutput()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() == noPython {
		lacking(t, string(text))
	}
	require.NoError(t, err, "%s", text)
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	var r report
	require.NoError(t, json.Unmarshal(raw, &r))
	r.judge(t, operations(t))
}

// judge demands that everything was tried and nothing was found.
func (r report) judge(t *testing.T, operations int) {
	t.Helper()
	require.True(t, r.Complete)
	require.Equal(t, operations, r.Operations.Tested, "operations that were tried")
	require.Zero(t, r.Operations.Errored+r.Operations.Skipped)
	for _, phase := range []string{"examples", "coverage", "fuzzing", "stateful"} {
		require.Equal(t, "success", r.Phases[phase].Status, phase)
	}
	require.Greater(t, r.TestCases.Generated, enough, "requests that were tried")
	require.Zero(t, r.TestCases.Failures)
	require.Empty(t, r.Failures)
	require.Empty(t, r.Errors)
	t.Logf("%d operations, %d requests, nothing found", r.Operations.Tested, r.TestCases.Generated)
}

// lacking ends a test that needs what this machine does not have.
func lacking(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("EDGE_TEST_REQUIRE_REAL") == "1" {
		t.Fatal(why)
	}
	t.Skip("SKIPPED: " + why)
}
