//go:build race

package conformance_test

// raced reports whether the race detector is enabled.
const raced = true
