package main

import (
	"context"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain makes the test binary usable as a child process of a benchmark.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		os.Exit(command(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}
