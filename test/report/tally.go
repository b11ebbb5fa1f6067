package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// event is one line of go test's JSON (go doc test2json).
type event struct {
	Action, Package, Test, ImportPath string
	// Output is a part of what was printed.
	Output string
	// Key and Value belong to the action "attr".
	Key, Value string
}

// tally counts tests, subtests included.
type tally struct {
	out                     io.Writer
	passed, failed, skipped int
	// broken counts packages that failed outside of any test: they did not
	// build, or ended early.
	broken int
	// said is what each test that has not ended printed.
	said map[string]string
	// real counts the tests that asked for each kind of real server.
	real map[string]int
	// skips are the skipped tests, each with its reason.
	skips []string
	// failing is the number of failed tests of each package.
	failing map[string]int
}

func newTally(out io.Writer) *tally {
	return &tally{out: out, said: map[string]string{}, real: map[string]int{}, failing: map[string]int{}}
}

// serverAttr is the attribute by which a test tells that it runs on a real
// server.
const serverAttr = "server"

// take counts one line. What is not JSON is passed on.
func (t *tally) take(line []byte) {
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
		t.takePackage(e)
	default:
		t.takeTest(e)
	}
}

// takePackage passes on go test's own line for a package, and notes a failure
// that no test accounts for.
func (t *tally) takePackage(e event) {
	switch e.Action {
	case "output":
		if e.Output != "PASS\n" {
			t.print(e.Output)
		}
	case "fail":
		if t.failing[e.Package] == 0 {
			t.broken++
		}
	}
}

func (t *tally) takeTest(e event) {
	name := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		t.said[name] += e.Output
		return
	case "pass":
		t.passed++
	case "fail":
		t.failed++
		t.failing[e.Package]++
		t.print(t.said[name])
	case "skip":
		t.skipped++
		t.skips = append(t.skips, name+": "+reason(t.said[name]))
	default:
		return
	}
	delete(t.said, name)
}

// reason is what a skipped test said, without go test's own lines.
func reason(said string) string {
	var out []string
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			out = append(out, line)
		}
	}
	return strings.Join(out, " ")
}

// close prints the summary. Tests that never ended were cut off with their
// package; what they said is all there is to know of them.
func (t *tally) close() {
	for _, name := range slices.Sorted(maps.Keys(t.said)) {
		t.printf("did not end: %s\n%s", name, t.said[name])
	}
	t.print("\n")
	for _, s := range t.skips {
		t.print("skipped: " + s + "\n")
	}
	if t.broken > 0 {
		t.printf("%d packages failed outside of a test\n", t.broken)
	}
	t.printf("on a real Redis: %d tests; on a real Kafka: %d tests\n", t.real["redis"], t.real["kafka"])
	t.printf("%d passed, %d failed, %d skipped\n", t.passed, t.failed+t.broken, t.skipped)
}

// print writes to the terminal, whose loss would leave nobody to tell.
func (t *tally) print(s string) { _, _ = io.WriteString(t.out, s) }

func (t *tally) printf(format string, args ...any) { t.print(fmt.Sprintf(format, args...)) }

// red reports whether the run failed.
func (t *tally) red() bool { return t.failed+t.broken > 0 }
