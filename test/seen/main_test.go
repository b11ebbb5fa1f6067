package seen_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write testdata/metrics.golden anew")
	goleak.VerifyTestMain(m)
}
