package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fixture is the target with one mutant of each kind and outcome.
func fixture() target { return target{mutated: "test/mutate/testdata/fixture"} }

func TestEveryMutantHasItsOutcome(t *testing.T) {
	t.Chdir("../..")
	r, err := fixture().measure(t.Context(), options{least: time.Second})
	require.NoError(t, err)
	var found []string
	for i, m := range r.mutants {
		found = append(found, string(r.outcomes[i])+": "+m.String())
	}
	require.Equal(t, []string{
		`killed: 20:7: case removed (http.StatusServiceUnavailable)`,
		`not reached: 20:38: case removed (http.StatusGatewayTimeout)`,
		`killed: 21:10: other constant: temporary to permanent`,
		`killed: 23:10: other constant: permanent to temporary`,
		`lived: 28:51: comparison: < to <= (len(text) <= 3)`,
		`killed: 28:51: comparison: < to >= (len(text) >= 3)`,
		`lived: 32:8: comparison: > to >= (n >= 0)`,
		`killed: 32:8: comparison: > to <= (n <= 0)`,
		`killed: 33:7: arithmetic: += to -= (sum -= n)`,
		`timed out: 34:4: arithmetic: -- to ++ (n++)`,
		`killed: 41:27: comparison: != to == (err == nil)`,
		`killed: 42:10: error dropped (err)`,
		`killed: 44:2: call removed (done())`,
		`not compiled: 51:7: case removed (string)`,
		`killed: 54:8: comparison: == to != (v != nil)`,
		`killed: 62:41: entry removed ("one")`,
		`not reached: 65:38: boolean negated (flag)`,
	}, found)
	require.InDelta(t, 75, r.score(), 0.1, "12 of the 16 that compile")
}

func TestReportNamesWhatWasNotKilled(t *testing.T) {
	var out strings.Builder
	m := mutant{kind: kindError, text: "errors.Join(\n\terr)"}
	m.position.Filename, m.position.Line, m.position.Column = "a.go", 7, 3
	r := result{
		target: fixture(), mutants: []mutant{m, m, m, m}, outcomes: []outcome{killed, lived, notRun, notCompiled},
		tests: []testCase{{program: &program{directory: "x"}, name: "TestX", failure: "red"}},
	}
	r.printSurvivors(&out)
	require.Equal(t, `test/mutate/testdata/fixture/a.go: lived: 7:3: error dropped (errors.Join( err))
test/mutate/testdata/fixture/a.go: not compiled: 7:3: error dropped (errors.Join( err))
x: left out, it fails without a mutant: TestX: red
`, out.String())
	out.Reset()
	printTable(&out, []result{r})
	printKinds(&out, []result{r})
	require.Contains(t, out.String(), "| `test/mutate/testdata/fixture` | 2 | 1 | 0 | 1 | 0 | 50 % |\n")
	require.Contains(t, out.String(), "| error dropped | 2 | 1 |\n")
}

func TestSampleFollowsItsSeed(t *testing.T) {
	first := options{sample: 3, seed: 1}.without(10)
	require.Len(t, first, 7)
	require.Equal(t, first, options{sample: 3, seed: 1}.without(10))
	require.NotEqual(t, first, options{sample: 3, seed: 2}.without(10))
	require.Empty(t, options{}.without(10), "all are run")
}

func TestTargetIsNarrowedToAFile(t *testing.T) {
	all := target{mutated: "domain", files: []string{"a.go", "b.go"}}
	for only, want := range map[string][]string{"": all.files, "domain": all.files, "domain/c.go": {"c.go"}} {
		got, is := all.narrowed(only)
		require.True(t, is, only)
		require.Equal(t, want, got.files, only)
	}
	for _, only := range []string{"app", "app/a.go", "domain/x"} {
		_, is := all.narrowed(only)
		require.False(t, is, only)
	}
}

func TestQuickTestsRunFirst(t *testing.T) {
	a, b := &program{path: "a"}, &program{path: "b"}
	reached := map[int]bool{1: true}
	tests := []testCase{
		{program: a, name: "slow", cpu: 2 * time.Second, reached: reached},
		{program: a, name: "quick", cpu: step / 2, reached: reached},
		{program: a, name: "elsewhere"},
		{program: a, name: "quickest", reached: reached},
		{program: b, name: "next", cpu: step, reached: reached},
		{program: b, name: "last", cpu: 3 * time.Second, reached: reached},
		{program: b, name: "third", cpu: step, reached: reached},
	}
	var names []string
	for _, some := range steps(mutant{id: 1}.reachedBy(tests)) {
		line := some[0].path + ":"
		for _, one := range some {
			line += " " + one.name
		}
		names = append(names, line)
	}
	require.Equal(t, []string{"a: quickest quick", "b: next third", "a: slow", "b: last"}, names)
}
