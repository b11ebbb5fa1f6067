//go:build race

package conformance_test

// raced tells that the race detector is on.
const raced = true
