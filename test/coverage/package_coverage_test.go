package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const tests = `mode: atomic
github.com/huleedu/edge/wire/a.go:1.1,2.2 3 0
github.com/huleedu/edge/wire/a.go:3.1,4.2 1 7
github.com/huleedu/edge/cmd/gateway/main.go:1.1,2.2 6 0
github.com/huleedu/edge/cmd/edge/main.go:1.1,2.2 100 0
`

const programs = `mode: atomic
github.com/huleedu/edge/wire/a.go:1.1,2.2 3 1
github.com/huleedu/edge/wire/a.go:3.1,4.2 1 0
`

// profiles writes the texts to files.
func profiles(t *testing.T, texts ...string) []string {
	t.Helper()
	var files []string
	for i, text := range texts {
		file := filepath.Join(t.TempDir(), string(rune('a'+i)))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		files = append(files, file)
	}
	return files
}

func TestBlockIsCoveredByAnyProfile(t *testing.T) {
	var out bytes.Buffer
	merged := filepath.Join(t.TempDir(), "merged")
	err := run(&out, 90, merged, profiles(t, tests, programs))
	require.EqualError(t, err, "below 90 %: gateway")
	require.Equal(t, []string{
		"gateway", "4", "of", "10", "40.0", "%", "cmd/gateway", "0", "of", "6", "0.0", "%", "wire", "4", "of", "4", "100.0", "%",
		"websocket", "4", "of", "4", "100.0", "%", "wire", "4", "of", "4", "100.0", "%",
	}, strings.Fields(out.String()), "cmd/edge is not part of a service")
	text, err := os.ReadFile(merged)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(text), "mode:"))
}

func TestSufficientCoveragePasses(t *testing.T) {
	require.NoError(t, run(&bytes.Buffer{}, 40, "", profiles(t, tests, programs)))
}

// TestMissingCoverageFails checks that a service without any profile has coverage 0.
func TestMissingCoverageFails(t *testing.T) {
	require.Error(t, run(&bytes.Buffer{}, 1, "", profiles(t, "mode: atomic\n")))
}

func TestInvalidProfilesAreErrors(t *testing.T) {
	for _, texts := range [][]string{
		{}, {""}, {"something else\n"}, {tests, "mode: set\n"}, {"mode: atomic\nnonsense\n"},
	} {
		require.Error(t, run(&bytes.Buffer{}, 0, "", profiles(t, texts...)), "%q", texts)
	}
	require.Error(t, run(&bytes.Buffer{}, 0, "", []string{filepath.Join(t.TempDir(), "absent")}))
}
