package openapi_test

import (
	"strings"
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
	// highLimit is a rate limit that no run reaches.
	highLimit = "1000000"
)

// startGateway starts a gateway with an embedded environment and high rate limits. It returns
// the base URL.
func startGateway(t *testing.T) string {
	t.Helper()
	w, err := world.Start(world.Config{Pace: 50 * time.Millisecond, InternalKey: internalKey})
	require.NoError(t, err)
	t.Cleanup(w.Close)
	w.Platform.Seed(world.SampleTeachers()...)
	p := harness.StartGateway(t, map[string]string{
		"ENVIRONMENT": "testing", "JWT_SECRET_KEY": harness.Secret, "HULEEDU_INTERNAL_API_KEY": internalKey,
		"API_GATEWAY_HTTP_HOST": "127.0.0.1", "API_GATEWAY_HTTP_PORT": "0", "API_GATEWAY_DRAIN_NOTICE": "0",
		"REDIS_URL": w.RedisURL, "KAFKA_BOOTSTRAP_SERVERS": w.KafkaAddr,
		"API_GATEWAY_RESULT_AGGREGATOR_URL": w.Platform.AggregatorURL(), "API_GATEWAY_BOS_URL": w.Platform.OrchestratorURL(),
		"API_GATEWAY_CMS_API_URL": w.Platform.ClassesURL(), "API_GATEWAY_BFF_TEACHER_URL": w.Platform.TeacherURL(),
		"API_GATEWAY_FILE_SERVICE_URL":   w.Platform.FilesURL(),
		"API_GATEWAY_RATE_LIMIT_DEFAULT": highLimit, "API_GATEWAY_RATE_LIMIT_QUERIES": highLimit,
		"API_GATEWAY_RATE_LIMIT_COMMANDS": highLimit, "API_GATEWAY_RATE_LIMIT_UPLOADS": highLimit,
		"API_GATEWAY_RATE_LIMIT_REFUSED": highLimit,
	})
	base := "http://" + p.Addr
	harness.AwaitReady(t, strings.TrimPrefix(base, "http://"), "ready", "degraded")
	return base
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
