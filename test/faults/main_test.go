package faults_test

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// waitLimit limits every wait. It is long because only a failing test uses it up.
const waitLimit = 60 * time.Second

// longOutages reports whether the outages have the lengths of docs/faults.md. Otherwise
// they are as short as the services can detect.
func longOutages() bool { return os.Getenv("EDGE_FAULTS_LONG") == "1" }

// outageLength returns the length of an outage.
func outageLength(full, short time.Duration) time.Duration {
	if longOutages() {
		return full
	}
	return short
}

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(buildDir())
		os.Exit(code)
	}))
}
