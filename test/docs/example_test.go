package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/wire"
)

func TestExampleIsCurrent(t *testing.T) {
	root, err := moduleRoot()
	require.NoError(t, err)
	want, err := exampleText(root)
	require.NoError(t, err)
	have, err := os.ReadFile(filepath.Join(root, examplePage))
	require.NoError(t, err)
	if want != string(have) {
		t.Fatalf("%s is not current; run: go run ./test/docs\n%s", examplePage, firstDifference(string(have), want))
	}
}

// TestExampleHoldsTheDefaults checks that the example is valid and that its commented
// lines contain the defaults.
func TestExampleContainsDefaults(t *testing.T) {
	const asIs = "../../" + examplePage
	root, err := moduleRoot()
	require.NoError(t, err)
	text, err := exampleText(root)
	require.NoError(t, err)
	inUse := filepath.Join(t.TempDir(), "in-use.env")
	require.NoError(t, os.WriteFile(inUse, []byte(regexp.MustCompile(`(?m)^#([A-Z0-9_]+=)`).ReplaceAllString(text, "$1")), 0o600))
	vars, err := env.File(inUse)
	require.NoError(t, err)
	for name, config := range services() {
		for _, s := range env.Settings(config()) {
			require.Contains(t, vars, s.Name, name)
		}
	}
	want, have := reports(t, asIs), reports(t, inUse)
	for i := range want {
		require.Empty(t, want[i].Problems)
		require.Empty(t, have[i].Problems)
		require.Empty(t, have[i].Warnings)
		for j, s := range want[i].Settings {
			require.Equal(t, s.Value, have[i].Settings[j].Value, s.Name)
		}
	}
}

func reports(t *testing.T, file string) []wire.Report {
	t.Helper()
	source, err := wire.EnvFile(file)
	require.NoError(t, err)
	return []wire.Report{wire.GatewayCommand().Report(source), wire.WebSocketCommand().Report(source)}
}
