package harness

import "os"

// Full reports whether EDGE_TEST_FULL=1 is set: "make check-slow" sets it. Tests with many
// combinations or long outages then run all of them; otherwise they run a sample that contains each
// of their rows.
func Full() bool { return os.Getenv("EDGE_TEST_FULL") == "1" }

// Count returns the number of repetitions of a test: full in a full run, otherwise sample.
func Count(full, sample int) int {
	if Full() {
		return full
	}
	return sample
}
