package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// summarize reads the lines and returns the output and whether the run failed.
func summarize(t *testing.T, lines ...string) (printed string, red bool) {
	t.Helper()
	var b bytes.Buffer
	tally := newSummary(&b)
	require.NoError(t, readAll(strings.NewReader(strings.Join(lines, "\n")), tally))
	tally.close()
	return b.String(), tally.hasFailed()
}

func TestPassedRun(t *testing.T) {
	printed, red := summarize(t,
		`{"Action":"run","Package":"p","Test":"A"}`,
		`{"Action":"attr","Package":"p","Test":"A","Key":"server","Value":"redis"}`,
		`{"Action":"attr","Package":"p","Test":"A","Key":"colour","Value":"kafka"}`,
		`{"Action":"output","Package":"p","Test":"A","Output":"noise of A\n"}`,
		`{"Action":"pass","Package":"p","Test":"A"}`,
		`{"Action":"output","Package":"p","Test":"B","Output":"=== RUN B\n"}`,
		`{"Action":"output","Package":"p","Test":"B","Output":"    b_test.go:1: no server\n"}`,
		`{"Action":"output","Package":"p","Test":"B","Output":"--- SKIP: B (0.00s)\n"}`,
		`{"Action":"skip","Package":"p","Test":"B"}`,
		`{"Action":"output","Package":"p","Output":"PASS\n"}`,
		`{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}`,
		`{"Action":"pass","Package":"p"}`)
	require.False(t, red)
	require.Equal(t, "ok  \tp\t0.1s\n\nskipped: p B: b_test.go:1: no server\n"+
		"on a real Redis: 1 tests; on a real Kafka: 0 tests\n1 passed, 0 failed, 1 skipped\n", printed)
}

func TestFailedTestOutputIsPrinted(t *testing.T) {
	printed, red := summarize(t,
		`{"Action":"output","Package":"p","Test":"A","Output":"wrong colour\n"}`,
		`{"Action":"fail","Package":"p","Test":"A"}`,
		`{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}`,
		`{"Action":"fail","Package":"p"}`)
	require.True(t, red)
	require.Contains(t, printed, "wrong colour\n")
	require.Contains(t, printed, "FAIL\tp\t0.1s\n")
	require.True(t, strings.HasSuffix(printed, "\n0 passed, 1 failed, 0 skipped\n"))
}

func TestPackageThatDoesNotBuildFails(t *testing.T) {
	printed, red := summarize(t,
		`{"ImportPath":"p","Action":"build-output","Output":"p/a.go:1: syntax error\n"}`,
		`{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}`,
		`{"Action":"fail","Package":"p","FailedBuild":"p"}`)
	require.True(t, red)
	require.Contains(t, printed, "syntax error")
	require.Contains(t, printed, "1 packages failed outside of a test\n")
	require.Contains(t, printed, "0 passed, 1 failed, 0 skipped\n")
}

func TestOutputOfUnfinishedTestIsPrinted(t *testing.T) {
	printed, red := summarize(t,
		`go: something that is not JSON`,
		`{"Action":"output","Package":"p","Test":"A","Output":"panic: oh\n"}`,
		`{"Action":"fail","Package":"p"}`)
	require.True(t, red)
	require.Contains(t, printed, "something that is not JSON")
	require.Contains(t, printed, "unfinished: p A\npanic: oh\n")
}

func FuzzSummary(f *testing.F) {
	f.Add(`{"Action":"pass","Package":"p","Test":"A"}`)
	f.Add(`{"Action":`)
	f.Fuzz(func(t *testing.T, line string) { summarize(t, line, line) })
}
