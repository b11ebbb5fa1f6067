package openapi_test

import (
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/api"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/world"
)

const (
	internalKey = "schemathesis-internal-key"
	// teacher is the sample user who owns the batch in the document's examples.
	teacher = "teacher-anna"
)

// startGateway starts a gateway with an embedded environment and high rate limits. It returns
// the base URL.
func startGateway(t *testing.T) string {
	t.Helper()
	w, err := world.Start(world.Config{Pace: 50 * time.Millisecond, InternalKey: internalKey})
	require.NoError(t, err)
	t.Cleanup(w.Close)
	w.Platform.Seed(world.SampleTeachers()...)
	p := harness.StartGateway(t, harness.Settings(harness.PlatformSettings(w.Platform, internalKey), harness.RateLimits("1000000"), map[string]string{
		"REDIS_URL": w.RedisURL, "KAFKA_BOOTSTRAP_SERVERS": w.KafkaAddr,
	}))
	harness.AwaitReady(t, p.Addr, "ready", "degraded")
	return "http://" + p.Addr
}

// countOperations returns the number of operations in the document.
func countOperations(t *testing.T) int {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromData(api.OpenAPI())
	require.NoError(t, err)
	count := 0
	for _, item := range document.Paths.Map() {
		count += len(item.Operations())
	}
	require.Positive(t, count)
	return count
}
