// Package servers finds and starts the real Redis and the real Kafka that
// tests run against.
//
// with.sh starts one of each for a whole run and names them in the environment;
// Redis and Kafka hand them to a test. All packages share them at the same
// time, so a test uses user ids, topics and groups that nobody else has. A test
// that stops or hangs a server starts one of its own.
package servers

import (
	"os"
	"testing"
)

// Redis returns the URL of the shared real Redis. Without one it skips the
// test, or fails it when real servers are required.
func Redis(t testing.TB) string {
	t.Helper()
	return find(t, "EDGE_TEST_REDIS", "redis")
}

// Kafka returns the host:port of the shared real Kafka, which creates topics
// on first use. Without one it skips the test, or fails it when real servers
// are required.
func Kafka(t testing.TB) string {
	t.Helper()
	return find(t, "EDGE_TEST_KAFKA", "kafka")
}

// find returns the server's address. The test is marked as one that ran on it,
// so that a run can say how many did.
func find(t testing.TB, name, server string) string {
	t.Helper()
	t.Attr("server", server)
	address := os.Getenv(name)
	if address == "" {
		unavailable(t, name+" names no server; run it under test/servers/with.sh")
	}
	return address
}

// unavailable ends a test that needs what this machine does not have.
func unavailable(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("EDGE_TEST_REQUIRE_REAL") == "1" {
		t.Fatalf("a real server is required: %s", why)
	}
	t.Skipf("SKIPPED, no real server: %s", why)
}
