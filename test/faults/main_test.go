package faults_test

import (
	"os"
	"testing"
	"time"

	"github.com/huleedu/edge/test/harness"

	"go.uber.org/goleak"
)

// waitLimit limits the wait for an event. Only a failing test uses it up.
const waitLimit = harness.WaitLimit

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

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
