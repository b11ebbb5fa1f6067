package model_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/huleedu/edge/test/harness"
)

// TestMain sets how many sequences of actions run. Flags of the command line have precedence.
func TestMain(m *testing.M) {
	for name, value := range map[string]int{"rapid.checks": harness.Count(60, 4), "rapid.steps": harness.Count(40, 25)} {
		if err := flag.Set(name, fmt.Sprint(value)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m)
}
