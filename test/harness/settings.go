package harness

import (
	"maps"

	"github.com/huleedu/edge/test/world"
)

// NoServer is an address that refuses connections.
const NoServer = "127.0.0.1:1"

// Settings returns the settings that tests of both services share, with changes: loopback, any free port, the
// key of Token, and a shutdown without notice. Redis and Kafka are at NoServer.
func Settings(changes ...map[string]string) map[string]string {
	out := map[string]string{
		"ENVIRONMENT": "testing", "JWT_SECRET_KEY": Secret,
		"API_GATEWAY_HTTP_HOST": "127.0.0.1", "API_GATEWAY_HTTP_PORT": "0", "API_GATEWAY_DRAIN_NOTICE": "0",
		"WEBSOCKET_HOST": "127.0.0.1", "WEBSOCKET_PORT": "0", "WEBSOCKET_DRAIN_NOTICE": "0", "WEBSOCKET_DRAIN_SPREAD": "0",
		"REDIS_URL": "redis://" + NoServer, "KAFKA_BOOTSTRAP_SERVERS": NoServer,
	}
	for _, some := range changes {
		maps.Copy(out, some)
	}
	return out
}

// PlatformSettings returns the settings of a gateway in front of the platform.
func PlatformSettings(p *world.Platform, internalKey string) map[string]string {
	return map[string]string{
		"API_GATEWAY_RESULT_AGGREGATOR_URL": p.AggregatorURL(), "API_GATEWAY_BOS_URL": p.OrchestratorURL(),
		"API_GATEWAY_FILE_SERVICE_URL": p.FilesURL(), "API_GATEWAY_CMS_API_URL": p.ClassesURL(),
		"API_GATEWAY_BFF_TEACHER_URL": p.TeacherURL(), "HULEEDU_INTERNAL_API_KEY": internalKey,
	}
}

// RateLimits returns the settings of a gateway that allows so many requests of every class to a user or an address.
func RateLimits(most string) map[string]string {
	out := map[string]string{}
	for _, class := range []string{"DEFAULT", "QUERIES", "COMMANDS", "UPLOADS", "REFUSED"} {
		out["API_GATEWAY_RATE_LIMIT_"+class] = most
	}
	return out
}
