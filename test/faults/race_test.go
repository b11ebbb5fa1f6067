//go:build race

package faults_test

// raced reports whether the race detector is enabled.
const raced = true
