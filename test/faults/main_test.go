package faults_test

import (
	"net"
	"testing"
	"time"

	"github.com/rs/zerolog"
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

// TestMain lets all look-ups of host names ask the name server of the tests. It ignores the goroutines that toxiproxy leaves behind when it cuts a connection whose
// sender has more to say: they wait for a reader that has gone.
func TestMain(m *testing.M) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxiproxy's log
	net.DefaultResolver = names().resolver()
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
	)
}
