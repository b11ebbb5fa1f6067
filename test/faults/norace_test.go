//go:build !race

package faults_test

// raced says whether this test runs under the race detector.
const raced = false
