//go:build !race

// Package race reports whether the race detector is enabled.
package race

// Enabled reports whether the race detector is enabled. Programs are then built with it too.
const Enabled = false
