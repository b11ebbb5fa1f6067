package matrix_test

import (
	"net"
	"testing"

	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/tcp"
)

// The gateways of the matrix, by what fails behind them. A failure below HTTP
// concerns all services of a gateway, because no request names its cell there.
const (
	scriptSite = ""
	idleSite   = "idle" // as scriptSite, for services that close idle connections
)

// belowHTTP are the failures without a request that a service has read.
func belowHTTP() []failure {
	return []failure{
		{name: "refuses", site: "refuses", want: all(refused)},
		{name: "closes at once", site: "closes at once", want: all(noByte)},
		{name: "never reads", site: "never reads", waits: true, want: all(late)},
	}
}

// ofKafka are the failures of the broker behind the pipelines route.
func ofKafka() []failure {
	return []failure{
		{name: "none", run: answerWell, want: all(good)},
		{name: "refuses", site: "kafka refuses", waits: true, want: all(published)},
		{name: "closes at once", site: "kafka closes at once", waits: true, want: all(published)},
		{name: "never reads", site: "kafka never reads", waits: true, want: all(published)},
	}
}

// idle are services that close connections between requests.
func idle() []failure {
	return []failure{
		{name: "closes idle", site: idleSite, run: afterBody(closesAfterAnswer), want: all(good)},
		{name: "closes reused unanswered", site: idleSite, run: closesReused, want: all(unkept)},
	}
}

func closesAfterAnswer(c *call) bool {
	status, content := c.good()
	c.write(c.whole(status, content))
	return false
}

func closesReused(c *call) bool {
	if c.reused {
		return false
	}
	return answerWell(c)
}

// environment is what stands around the gateways of one test.
type environment struct {
	service   *service
	collector *harness.Collector
	vars      map[string]string
}

// newEnvironment starts Redis, Kafka, the services and a trace collector. The
// deadlines are short, and no limit of a user is reached.
func newEnvironment(t *testing.T) *environment {
	t.Helper()
	redis := servers.EmbeddedRedis(t)
	kafka := servers.EmbeddedKafka(t)
	e := &environment{service: startService(t), collector: harness.NewCollector(t)}
	e.vars = harness.Settings(harness.RateLimits("1000000"), map[string]string{
		"HULEEDU_INTERNAL_API_KEY": "matrix-internal-key",
		"REDIS_URL":                redis.URL(), "KAFKA_BOOTSTRAP_SERVERS": kafka.Addr(), "API_GATEWAY_KAFKA_PUBLISH_TIMEOUT": "6",
		"OTEL_EXPORTER_OTLP_ENDPOINT": e.collector.URL, "OTEL_BSP_MAX_QUEUE_SIZE": "200000", "OTEL_BSP_SCHEDULE_DELAY": "500",
		"API_GATEWAY_HTTP_CLIENT_TIMEOUT_SECONDS": "3", "API_GATEWAY_STREAM_IDLE_TIMEOUT": "2",
		"API_GATEWAY_UPLOAD_STALL_TIMEOUT": "2", "API_GATEWAY_UPLOAD_TIMEOUT": "20", "API_GATEWAY_ANSWER_TIMEOUT": "10",
		"API_GATEWAY_CIRCUIT_BREAKER_ENABLED": "false", "API_GATEWAY_HTTP_CIRCUIT_BREAKER_FAILURE_THRESHOLD": "1000000",
		"API_GATEWAY_DOWNSTREAM_MAX_CONCURRENCY": "4096", "API_GATEWAY_RATE_LIMIT_TIMEOUT": "5",
	})
	setServices(e.vars, e.service.url)
	return e
}

func setServices(vars map[string]string, url string) {
	for _, name := range []string{"RESULT_AGGREGATOR_URL", "BOS_URL", "FILE_SERVICE_URL", "CMS_API_URL", "BFF_TEACHER_URL"} {
		vars["API_GATEWAY_"+name] = url
	}
}

// gatewayName returns the name of a site's gateway in spans.
func gatewayName(site string) string { return "gateway " + site }

// sites starts one gateway for each site.
func (e *environment) sites(t *testing.T) map[string]*gateway {
	t.Helper()
	const nowhere = "127.0.0.1:1"
	closing, silent := tcp.Serve(t, func(net.Conn) {}), tcp.Serve(t, func(net.Conn) { <-t.Context().Done() })
	settings := map[string]map[string]string{scriptSite: {}, idleSite: {}}
	for name, addr := range map[string]string{"refuses": nowhere, "closes at once": closing, "never reads": silent} {
		settings[name] = map[string]string{}
		setServices(settings[name], "http://"+addr)
		settings["kafka "+name] = map[string]string{"KAFKA_BOOTSTRAP_SERVERS": addr}
	}
	out := map[string]*gateway{}
	for name, changes := range settings {
		changes["OTEL_SERVICE_NAME"] = gatewayName(name)
		out[name] = startGateway(t, with(e.vars, changes))
	}
	return out
}
