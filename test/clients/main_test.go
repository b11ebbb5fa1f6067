package clients_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// skipOrFail skips the test, or fails it when real servers are required.
func skipOrFail(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("EDGE_TEST_REQUIRE_REAL") == "1" {
		t.Fatal(why)
	}
	t.Skip("SKIPPED: " + why)
}
