//go:build race

package harness

// RaceEnabled reports whether the race detector is enabled. Programs are then built with it too.
const RaceEnabled = true
