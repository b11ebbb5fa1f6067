//go:build race

package faults_test

// raceEnabled reports whether the race detector is enabled.
const raceEnabled = true
