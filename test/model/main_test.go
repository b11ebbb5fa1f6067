package model_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/huleedu/edge/test/harness"
)

// TestMain sets how many sequences of actions run.
func TestMain(m *testing.M) {
	flag.Parse()
	checks, steps := harness.Count(60, 4), harness.Count(40, 25)
	if testing.Short() { // rapid divides the numbers
		checks, steps = 5*checks, 2*steps
	}
	for name, value := range map[string]int{"rapid.checks": checks, "rapid.steps": steps} {
		if err := flag.Set(name, fmt.Sprint(value)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m)
}
