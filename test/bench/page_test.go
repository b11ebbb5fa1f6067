package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const performancePage = "../../docs/performance.md"

func TestUpdatePageReplacesTheSectionsOfTheMeasuredScenarios(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	require.NoError(t, os.WriteFile(path, []byte("before\n"+resultsStart+"\n"+resultsEnd+"\nafter\n"), 0o600))
	bare, ratio := 4.0, 0.5
	first := []row{
		{Scenario: "sockets/storm", Measure: "handshakes", Ours: 2, Bare: &bare, Ratio: &ratio, Beside: "gorilla"},
		{Scenario: "sockets/fanout", Measure: "deliveries", Ours: 1},
		{Scenario: "sockets/fanout", Measure: "lost", Ours: 0},
	}
	require.NoError(t, updatePage(path, first, provenance{"-rounds 3 ", "2026-01-02", "abc", "a machine"}))
	second := []row{single("deliveries", 7).atLeast(8)}
	second[0].Scenario = "sockets/fanout"
	require.NoError(t, updatePage(path, second, provenance{"", "2026-02-03", "def", "another machine"}))

	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "before\n"+resultsStart+"\n\n"+
		"### sockets/fanout\n\n`make bench ARGS=sockets/fanout`, 2026-02-03, commit `def`, another machine\n\n"+tableHead+
		"| deliveries | 7 |  |  | ≥ 8, **missed** |\n\n"+
		"### sockets/storm\n\n`make bench ARGS=\"-rounds 3 sockets/storm\"`, 2026-01-02, commit `abc`, a machine\n\n"+tableHead+
		"| handshakes | 2 | 4 (gorilla) | 0.50 |  |\n\n"+
		resultsEnd+"\nafter\n", string(content))
}

func TestUpdatePageNeedsTheMarks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	require.NoError(t, os.WriteFile(path, []byte("no marks"), 0o600))
	require.ErrorIs(t, updatePage(path, nil, provenance{}), errNoResults)
}

// TestPerformancePageNamesWhatExists checks the commands of docs/performance.md: each scenario, Go
// benchmark and test exists, and each generated section has a scenario.
func TestPerformancePageNamesWhatExists(t *testing.T) {
	content, err := os.ReadFile(performancePage)
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(content), resultsStart)
	results, _, ended := strings.Cut(rest, resultsEnd)
	require.True(t, ended)
	known := map[string]string{}
	for _, scenario := range scenarios() {
		known[scenario.id()] = ""
	}
	sections := splitSections(results)
	require.NotEmpty(t, sections)
	for id := range sections {
		require.Contains(t, known, id)
	}
	for _, found := range regexp.MustCompile("`make bench ARGS=(\"[^\"`]+\"|[^`]+)`").FindAllStringSubmatch(string(content), -1) {
		_, err := parse(strings.Fields(strings.Trim(found[1], `"`)), io.Discard)
		require.NoError(t, err, found[0])
	}
	for _, found := range regexp.MustCompile("BENCH=([A-Za-z]+) PKG=\\./([a-z/]+)|`(Test[A-Za-z]+)` in `([a-z/]+)`").FindAllStringSubmatch(string(content), -1) {
		declared := `func Benchmark\w*` + found[1]
		if found[3] != "" {
			declared = `func ` + found[3] + `\(`
		}
		require.Regexp(t, declared, sources(t, found[2]+found[4]), found[0])
	}
}

// sources returns the text of the test files of a package.
func sources(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(dir), "*_test.go"))
	require.NoError(t, err)
	var b strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		b.Write(content)
	}
	return b.String()
}
