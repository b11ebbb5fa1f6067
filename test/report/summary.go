package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// event is one line of "go test -json" (see go doc test2json).
type event struct {
	Action, Package, Test, ImportPath string
	// Output is one line or a part of the output.
	Output string
	// Key and Value are set for the action "attr".
	Key, Value string
}

// summary counts the results of tests and subtests.
type summary struct {
	out                     io.Writer
	passed, failed, skipped int
	// brokenPackages is the number of packages that failed outside of a test: they did not
	// compile or exited early.
	brokenPackages int
	// output is the output of each unfinished test.
	output map[string]string
	// real is the number of tests per kind of real server.
	real map[string]int
	// skips lists the skipped tests with their reasons.
	skips []string
	// failedByPackage is the number of failed tests per package.
	failedByPackage map[string]int
}

func newSummary(out io.Writer) *summary {
	return &summary{out: out, output: map[string]string{}, real: map[string]int{}, failedByPackage: map[string]int{}}
}

// serverAttr is the test attribute that names a real server which the test uses.
const serverAttr = "server"

// addLine counts one line. It prints a line that is not JSON.
func (t *summary) addLine(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		t.print(string(line))
		return
	}
	switch {
	case e.Action == "build-output":
		t.print(e.Output)
	case e.Action == "attr" && e.Key == serverAttr:
		t.real[e.Value]++
	case e.Test == "":
		t.addPackage(e)
	default:
		t.addTest(e)
	}
}

// addPackage prints the result line of a package and counts a failure without a
// failed test.
func (t *summary) addPackage(e event) {
	switch e.Action {
	case "output":
		if e.Output != "PASS\n" {
			t.print(e.Output)
		}
	case "fail":
		if t.failedByPackage[e.Package] == 0 {
			t.brokenPackages++
		}
	}
}

func (t *summary) addTest(e event) {
	name := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		t.output[name] += e.Output
		return
	case "pass":
		t.passed++
	case "fail":
		t.failed++
		t.failedByPackage[e.Package]++
		t.print(t.output[name])
	case "skip":
		t.skipped++
		t.skips = append(t.skips, name+": "+skipReason(t.output[name]))
	default:
		return
	}
	delete(t.output, name)
}

// skipReason returns the output of a skipped test without the lines of go test.
func skipReason(said string) string {
	var out []string
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			out = append(out, line)
		}
	}
	return strings.Join(out, " ")
}

// close prints the summary. A test without a result was interrupted with its
// package; close prints its output.
func (t *summary) close() {
	for _, name := range slices.Sorted(maps.Keys(t.output)) {
		t.printf("unfinished: %s\n%s", name, t.output[name])
	}
	t.print("\n")
	for _, s := range t.skips {
		t.print("skipped: " + s + "\n")
	}
	if t.brokenPackages > 0 {
		t.printf("%d packages failed outside of a test\n", t.brokenPackages)
	}
	t.printf("on a real Redis: %d tests; on a real Kafka: %d tests\n", t.real["redis"], t.real["kafka"])
	t.printf("%d passed, %d failed, %d skipped\n", t.passed, t.failed+t.brokenPackages, t.skipped)
}

// print writes to the output and ignores an error, which could not be reported.
func (t *summary) print(s string) { _, _ = io.WriteString(t.out, s) }

func (t *summary) printf(format string, args ...any) { t.print(fmt.Sprintf(format, args...)) }

// hasFailed reports whether a test or package failed.
func (t *summary) hasFailed() bool { return t.failed+t.brokenPackages > 0 }
