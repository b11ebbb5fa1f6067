package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/world"
)

// scenario performs every operation of both services and most failures.
type scenario struct {
	*gateways

	// openGateway serves every route.
	openGateway service
	// lenient is a node that closes no socket. restricted closes sockets for what they send or do
	// not read, idle closes silent ones.
	lenient, restricted, idle service
	metrics                   pages
}

// TestMetricsAfterEveryOperation performs every operation of both services and then compares the metrics with
// the golden list.
func TestMetricsAfterEveryOperation(t *testing.T) {
	t.Parallel()
	d := newScenario(t)
	d.callEveryRoute()
	d.storeAndReplay()
	d.sendEveryFrame()
	d.consumeEveryRecord()
	d.dropMessages()
	d.closeSockets()
	d.stopAndStartRedis()
	d.causeEveryError()
	d.resumeKafka()
	d.metrics.add(t, "gateway", d.openGateway.http("/metrics"))
	for _, g := range []service{d.plain, d.keyless, d.fragile, d.strict, d.impatient} {
		d.metrics.add(t, "gateway", g.http("/metrics"))
	}
	d.metrics.add(t, "websocket", d.restricted.http("/metrics"))
	d.metrics.add(t, "websocket", d.idle.http("/metrics"))
	d.stopLenient()

	d.metrics.matchGolden(t)
	d.metrics.requireNoIDs(t)
	d.metrics.requireCounted(t, "gateway", "gateway_api_errors_total", "error_type", d.errorCodes()...)
	d.metrics.requireCounted(t, "gateway", "gateway_rate_limited_total", "class", "default", "refused")
	d.metrics.requireCounted(t, "websocket", "websocket_closes_total", "code", closeCodes()...)
	d.metrics.requireCounted(t, "websocket", "websocket_messages_failed_total", "error_type", "invalid_utf8", "too_large", "slow_consumer")
	d.metrics.requireCounted(t, "websocket", "websocket_inbound_messages_total", "type", "ping", "refresh", "ignored")
	d.metrics.requireCounted(t, "websocket", "websocket_connections_total", "status", "accepted", "rejected", "closed")
	d.metrics.requireCounted(t, "websocket", "notification_events_total", "result", "published", "duplicate", "dead_letter", "retried", "expired")
	for _, job := range []string{"gateway", "websocket"} {
		d.metrics.requireCounted(t, job, "jwt_validation_total", "result", "success", "expired", "invalid")
	}
}

func newScenario(t *testing.T) *scenario {
	t.Helper()
	d := &scenario{gateways: newGateways(t), metrics: pages{}}
	vars := d.openSettings()
	vars["API_GATEWAY_CMS_API_URL"], vars["API_GATEWAY_BFF_TEACHER_URL"] = startVaryingService(t), startVaryingService(t)
	d.openGateway = d.gateway(t, vars)
	d.lenient = d.node(t, d.settings(map[string]string{"NOTIFICATION_MAX_BYTES": "5000", "WEBSOCKET_ADMIN_ADDR": "127.0.0.1:0"}))
	d.restricted = d.node(t, d.settings(map[string]string{
		"WEBSOCKET_MAX_MESSAGES_PER_MINUTE": "3", "WEBSOCKET_MAX_CONNECTIONS_PER_USER": "1", "WEBSOCKET_SEND_QUEUE_MESSAGES": "1",
	}))
	d.idle = d.node(t, d.settings(map[string]string{"WEBSOCKET_IDLE_TIMEOUT": "1"}))
	return d
}

// callEveryRoute sends one successful request to each route.
func (d *scenario) callEveryRoute() {
	d.t.Helper()
	for _, r := range d.openGateway.Routes {
		teacher, batch := d.environment.batch(1) // a batch that is processing accepts no prompt
		body, h := "", as(teacher)
		switch r.Path {
		case "/v1/batches/register":
			body = `{"expected_essay_count":1,"essay_ids":["e"],"course_code":"ENG5"}`
		case "/v1/batches/{batch_id}/pipelines":
			body = pipelineBody("nlp")
		case "/v1/batches/{batch_id}/prompt":
			body = `{"student_prompt_ref":{"references":{}}}`
		case "/v1/files/batch":
			body, h["Content-Type"] = formHead()+formTail(batch), "multipart/form-data; boundary=B"
		}
		path := strings.NewReplacer("{batch_id}", string(batch), "{path}", "x", "{file}", "swagger-ui.css").Replace(r.Path)
		a := call(d.t, r.Method, d.openGateway.http(path), body, h)
		require.Less(d.t, a.status, 300, "%s %s: %s", r.Method, r.Path, &a)
	}
	for range 2 { // the second time the token is in the cache
		require.Equal(d.t, 200, d.get(d.openGateway, statusPath(d.batch)).status)
	}
}

// newUser returns the id of a new user.
func (d *scenario) newUser() string { return "teacher-" + uuid.NewString() }

// storeAndReplay receives stored and direct notifications, and a replay.
func (d *scenario) storeAndReplay() {
	d.t.Helper()
	user := d.newUser()
	c := connect(d.t, d.lenient.ws(), as(user))
	require.NoError(d.t, d.platform.Notify(d.t.Context(), domain.UserID(user), world.NotificationRequestOf("class_created")))
	stored := c.next(d.t)
	require.NotEmpty(d.t, stored.ID)
	require.NoError(d.t, d.platform.PublishDirect(d.t.Context(), domain.UserID(user), "direct", nil))
	require.Equal(d.t, "direct", c.next(d.t).Event)
	require.Equal(d.t, stored, connect(d.t, d.lenient.ws()+"?last_event_id=0", as(user)).next(d.t))
	conn, a := dial(d.t, d.lenient.ws()+"?last_event_id=nonsense", as(user))
	require.Nil(d.t, conn)
	require.Equal(d.t, 400, a.status)
	for _, path := range []string{"/healthz", "/healthz/redis", "/healthz/websocket", "/readyz", "/metrics"} {
		a, err := callUnchecked(d.t, "GET", d.restricted.http(path), "", nil)
		require.NoError(d.t, err)
		require.Equal(d.t, 200, a.status, path)
	}
}

// sendEveryFrame sends each kind of message that a client may send.
func (d *scenario) sendEveryFrame() {
	d.t.Helper()
	user := d.newUser()
	c := connect(d.t, d.lenient.ws(), as(user))
	for _, text := range []string{"nonsense", `{"type":"refresh","token":"` + harness.Token(user) + `"}`, `{"type":"ping"}`} {
		require.NoError(d.t, c.WriteMessage(websocket.TextMessage, []byte(text)))
	}
	require.Contains(d.t, c.text(d.t), "refreshed")
	require.Contains(d.t, c.text(d.t), "pong")
}

// consumeEveryRecord writes records with each result except a retry.
func (d *scenario) consumeEveryRecord() {
	d.t.Helper()
	once := d.record(uuid.NewString())
	old := d.record(uuid.NewString())
	old.Time = time.Now().Add(-48 * time.Hour)
	d.write(once, once, old, kafka.Message{Key: once.Key, Value: []byte("nonsense")})
	for _, result := range []string{"published", "duplicate", "expired", "dead_letter"} {
		d.awaitCount(fmt.Sprintf("notification_events_total{result=%q}", result))
	}
}

// record returns a record that requests a notification.
func (d *scenario) record(event string) kafka.Message {
	user := d.newUser()
	data := fmt.Sprintf(`{"teacher_id":%q,"notification_type":"class_created","category":"class_management","priority":"low","payload":{}}`, user)
	value, err := json.Marshal(domain.Envelope{
		EventID: event, EventType: string(d.topic), EventTimestamp: time.Now(), SourceService: "school",
		SchemaVersion: 1, CorrelationID: uuid.NewString(), Data: json.RawMessage(data),
	})
	require.NoError(d.t, err)
	return kafka.Message{Key: []byte(user), Value: value}
}

// write writes records to the topic of notifications.
func (d *scenario) write(records ...kafka.Message) {
	d.t.Helper()
	pool := &kafka.Transport{}
	w := &kafka.Writer{Addr: kafka.TCP(d.kafka), Topic: string(d.topic), Transport: pool, Balancer: kafka.Murmur2Balancer{}, BatchTimeout: time.Millisecond}
	require.NoError(d.t, w.WriteMessages(d.t.Context(), records...))
	require.NoError(d.t, w.Close())
	pool.CloseIdleConnections()
}

// dropMessages publishes two direct messages that no client receives, and one that arrives.
func (d *scenario) dropMessages() {
	d.t.Helper()
	user, redis := d.newUser(), d.redisClient(d.t)
	c := connect(d.t, d.lenient.ws(), as(user))
	for _, text := range []string{"\xff", strings.Repeat("x", 6000), "good"} {
		require.NoError(d.t, redis.Publish(d.t.Context(), "ws:"+user, text).Err())
	}
	require.Equal(d.t, "good", c.text(d.t))
}

// stopAndStartRedis checks that a new client is refused, that limits and records wait, and that all recover.
func (d *scenario) stopAndStartRedis() {
	d.t.Helper()
	stays := connect(d.t, d.lenient.ws(), as(d.newUser()))
	d.stopRedis()
	d.lenient.awaitReady(d.t, "503")
	connect(d.t, d.lenient.ws(), as(d.newUser())).closedBecause(d.t, 1011)
	require.Equal(d.t, 200, d.get(d.openGateway, statusPath(d.batch)).status)
	d.write(d.record(uuid.NewString()))
	d.awaitCount(`notification_events_total{result="retried"}`)
	d.startRedis()
	require.Equal(d.t, "resync", stays.next(d.t).Event)
	d.awaitCount("redis_resubscribes_total")
	require.Eventually(d.t, func() bool {
		return strings.Contains(string(call(d.t, "GET", d.openGateway.http("/metrics"), "", nil).body), "gateway_rate_limiter_degraded 0\n")
	}, waitLimit, 50*time.Millisecond)
}

// causeEveryError sends the requests of all error cases. The last one stops Kafka.
func (d *scenario) causeEveryError() {
	d.t.Helper()
	expired := headers{"Authorization": "Bearer " + tokenWith(map[string]any{"exp": time.Now().Add(-time.Second).Unix()})}
	call(d.t, "GET", d.openGateway.http(statusPath(d.batch)), "", expired).failure(d.t, 401, "AUTHENTICATION_ERROR")
	call(d.t, "GET", d.openGateway.http(statusPath(d.batch)), "", headers{"Authorization": "Bearer x"}).failure(d.t, 401, "AUTHENTICATION_ERROR")
	for _, c := range append(clientErrors(), serviceErrors()...) {
		a := c.request(d.gateways)
		require.Equal(d.t, c.status, a.status, "%s: %s", c.name, &a)
	}
}

// errorCodes returns the codes of the error cases, without the one of the panicking gateway, whose metrics are
// not read.
func (d *scenario) errorCodes() (codes []string) {
	for _, code := range domain.Codes() {
		if _, out := unreachableCodes()[code]; !out && code != domain.UnknownError {
			codes = append(codes, string(code))
		}
	}
	return codes
}

// awaitCount waits until one of the nodes has counted something in the series.
func (d *scenario) awaitCount(series string) {
	d.t.Helper()
	require.Eventually(d.t, func() bool {
		for _, n := range []service{d.lenient, d.restricted, d.idle} {
			if a := call(d.t, http.MethodGet, n.admin("/metrics"), "", nil); isCounted(string(a.body), series) {
				return true
			}
		}
		return false
	}, waitLimit, 50*time.Millisecond, series)
}

// isCounted reports whether the metrics contain the series with a value other than zero.
func isCounted(page, series string) bool {
	_, value, found := strings.Cut(page, "\n"+series+" ")
	return found && !strings.HasPrefix(value, "0\n")
}
