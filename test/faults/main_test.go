package faults_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/huleedu/edge/test/harness"
)

// waitLimit limits the wait for an event. Only a failing test uses it up.
const waitLimit = harness.WaitLimit

// outageLength returns the length of an outage: the one of docs/faults.md in a full run, otherwise
// as short as the services can detect.
func outageLength(full, short time.Duration) time.Duration {
	if harness.Full() {
		return full
	}
	return short
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
