// Package servers provides real Redis and Kafka servers for tests.
//
// with.sh starts one of each for a test run and sets their addresses in the environment.
// Redis and Kafka return these addresses. All packages share the servers at the same time,
// so a test must use unique user ids, topics and groups. A test that stops a server starts
// its own with OwnRedis or OwnKafka.
package servers

import (
	"os"
	"testing"
)

// Redis returns the URL of the shared real Redis. Without one the test is skipped, or fails
// when real servers are required.
func Redis(t testing.TB) string {
	t.Helper()
	return serverAddress(t, redisVariable, "redis")
}

// Kafka returns the host:port of the shared real Kafka, which creates topics on first use.
// Without one the test is skipped, or fails when real servers are required.
func Kafka(t testing.TB) string {
	t.Helper()
	return serverAddress(t, kafkaVariable, "kafka")
}

// HasRedis reports whether a real Redis runs beside this test.
func HasRedis() bool { return os.Getenv(redisVariable) != "" }

// redisVariable holds the URL of the shared Redis.
const redisVariable = "EDGE_TEST_REDIS"

// HasKafka reports whether a real Kafka runs beside this test, so that OwnKafka can start another
// one. A test that has another way does not need to be skipped.
func HasKafka() bool { return os.Getenv(kafkaVariable) != "" }

// kafkaVariable holds the address of the shared Kafka.
const kafkaVariable = "EDGE_TEST_KAFKA"

// serverAddress returns the address of a server. It adds an attribute to the test, so that the
// number of tests on real servers can be counted.
func serverAddress(t testing.TB, name, server string) string {
	t.Helper()
	t.Attr("server", server)
	address := os.Getenv(name)
	if address == "" {
		skipOrFail(t, name+" is not set; run the test with test/servers/with.sh")
	}
	return address
}

// skipOrFail skips the test, or fails it when real servers are required.
func skipOrFail(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("EDGE_TEST_REQUIRE_REAL") == "1" {
		t.Fatalf("a real server is required: %s", why)
	}
	t.Skipf("SKIPPED, no real server: %s", why)
}
