package faults_test

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience bounds the wait for anything that will happen; it is generous,
// because it is only ever used up by a failure.
const patience = 60 * time.Second

// lengthy makes the outages as long as the table says; without it they are as
// short as they can be and still be noticed.
func lengthy() bool { return os.Getenv("EDGE_FAULTS_LONG") == "1" }

// during is how long an outage lasts.
func during(full, short time.Duration) time.Duration {
	if lengthy() {
		return full
	}
	return short
}

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(workshop())
		os.Exit(code)
	}))
}
