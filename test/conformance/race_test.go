//go:build race

package conformance_test

// raceEnabled reports whether the race detector is enabled.
const raceEnabled = true
