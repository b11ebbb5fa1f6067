//go:build race

package matrix_test

// raceEnabled reports whether the test, and so the gateway, runs under the
// race detector.
const raceEnabled = true
