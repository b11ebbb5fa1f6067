//go:build race

package e2e_test

// raced says whether this test runs under the race detector.
const raced = true
