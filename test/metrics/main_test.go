package metrics_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "overwrite testdata/metrics.golden")
	goleak.VerifyTestMain(m)
}
