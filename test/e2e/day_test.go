package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/huleedu/edge/test/harness"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
)

// day is a scripted day of both services: everything that they can be asked
// and most of what can befall them.
type day struct {
	*scene

	// open serves every route well. calm is a node with room; strict nodes end
	// sockets for little: hasty for what they send or do not take, drowsy for
	// silence.
	open                service
	calm, hasty, drowsy service
	page                pages
}

// TestAScriptedDay holds the pages of metrics at the end of the day against
// the golden list and against the contract.
func TestAScriptedDay(t *testing.T) {
	t.Parallel()
	d := newDay(t)
	d.servesEveryRoute()
	d.keepsAndReplays()
	d.hearsClients()
	d.judgesRecords()
	d.dropsMessages()
	d.closesSockets()
	d.losesRedis()
	d.failsInEveryWay()
	d.resumeKafka()
	d.page.add(t, "gateway", d.open.http("/metrics"))
	for _, g := range []service{d.plain, d.keyless, d.fragile, d.strict, d.impatient} {
		d.page.add(t, "gateway", g.http("/metrics"))
	}
	d.page.add(t, "websocket", d.hasty.http("/metrics"))
	d.page.add(t, "websocket", d.drowsy.http("/metrics"))
	d.goesHome()

	d.page.matchGolden(t)
	d.page.keepContract(t)
	d.page.nameNobody(t)
	d.page.sawAll(t, "gateway", "gateway_api_errors_total", "error_type", d.told()...)
	d.page.sawAll(t, "gateway", "gateway_rate_limited_total", "class", "default", "refused")
	d.page.sawAll(t, "websocket", "websocket_closes_total", "code", closeCodes()...)
	d.page.sawAll(t, "websocket", "websocket_messages_failed_total", "error_type", "invalid_utf8", "too_large", "slow_consumer")
	d.page.sawAll(t, "websocket", "websocket_inbound_messages_total", "type", "ping", "refresh", "ignored")
	d.page.sawAll(t, "websocket", "websocket_connections_total", "status", "accepted", "rejected", "closed")
	d.page.sawAll(t, "websocket", "notification_events_total", "result", "published", "duplicate", "dead_letter", "retried", "expired")
	for _, job := range []string{"gateway", "websocket"} {
		d.page.sawAll(t, job, "jwt_validation_total", "result", "success", "expired", "invalid")
	}
}

func newDay(t *testing.T) *day {
	t.Helper()
	d := &day{scene: newScene(t), page: pages{}}
	vars := d.passingVars()
	vars["API_GATEWAY_CMS_API_URL"], vars["API_GATEWAY_BFF_TEACHER_URL"] = moody(t), moody(t)
	d.open = d.gateway(t, vars)
	d.calm = d.node(t, d.with(map[string]string{"NOTIFICATION_MAX_BYTES": "5000", "WEBSOCKET_ADMIN_ADDR": "127.0.0.1:0"}))
	d.hasty = d.node(t, d.with(map[string]string{
		"WEBSOCKET_MAX_MESSAGES_PER_MINUTE": "3", "WEBSOCKET_MAX_CONNECTIONS_PER_USER": "1", "WEBSOCKET_SEND_QUEUE_MESSAGES": "1",
	}))
	d.drowsy = d.node(t, d.with(map[string]string{"WEBSOCKET_IDLE_TIMEOUT": "1"}))
	return d
}

// servesEveryRoute asks for everything once, and all of it succeeds.
func (d *day) servesEveryRoute() {
	d.t.Helper()
	for _, r := range d.open.Routes {
		teacher, batch := d.stage.batch(1) // one that is at work takes no prompt
		body, h := "", as(teacher)
		switch r.Path {
		case "/v1/batches/register":
			body = `{"expected_essay_count":1,"essay_ids":["e"],"course_code":"ENG5"}`
		case "/v1/batches/{batch_id}/pipelines":
			body = wants("nlp")
		case "/v1/batches/{batch_id}/prompt":
			body = `{"student_prompt_ref":{"references":{}}}`
		case "/v1/files/batch":
			body, h["Content-Type"] = formHead()+formTail(batch), "multipart/form-data; boundary=B"
		}
		path := strings.NewReplacer("{batch_id}", string(batch), "{path}", "x").Replace(r.Path)
		a := call(d.t, r.Method, d.open.http(path), body, h)
		require.Less(d.t, a.status, 300, "%s %s: %s", r.Method, r.Path, &a)
	}
	for range 2 { // the second time the token is known already
		require.Equal(d.t, 200, d.get(d.open, status(d.batch)).status)
	}
}

// someone is a user whom nobody has met.
func (d *day) someone() string { return "teacher-" + uuid.NewString() }

// keepsAndReplays: kept and direct notifications live, and what was missed.
func (d *day) keepsAndReplays() {
	d.t.Helper()
	user := d.someone()
	c := connect(d.t, d.calm.ws(), as(user))
	require.NoError(d.t, d.platform.Notify(d.t.Context(), domain.UserID(user), world.NotificationRequestOf("class_created")))
	kept := c.next(d.t)
	require.NotEmpty(d.t, kept.ID)
	require.NoError(d.t, d.platform.PublishDirect(d.t.Context(), domain.UserID(user), "direct", nil))
	require.Equal(d.t, "direct", c.next(d.t).Event)
	require.Equal(d.t, kept, connect(d.t, d.calm.ws()+"?last_event_id=0", as(user)).next(d.t))
	conn, a := dial(d.t, d.calm.ws()+"?last_event_id=nonsense", as(user))
	require.Nil(d.t, conn)
	require.Equal(d.t, 400, a.status)
	for _, path := range []string{"/healthz", "/healthz/redis", "/healthz/websocket", "/readyz", "/metrics"} {
		a, err := fetch(d.t, "GET", d.hasty.http(path), "", nil)
		require.NoError(d.t, err)
		require.Equal(d.t, 200, a.status, path)
	}
}

// hearsClients: every kind of frame that a client may send.
func (d *day) hearsClients() {
	d.t.Helper()
	user := d.someone()
	c := connect(d.t, d.calm.ws(), as(user))
	for _, text := range []string{"nonsense", `{"type":"refresh","token":"` + harness.Token(user) + `"}`, `{"type":"ping"}`} {
		require.NoError(d.t, c.WriteMessage(websocket.TextMessage, []byte(text)))
	}
	require.Contains(d.t, c.text(d.t), "refreshed")
	require.Contains(d.t, c.text(d.t), "pong")
}

// judgesRecords: what can become of a record beside being published.
func (d *day) judgesRecords() {
	d.t.Helper()
	once := d.record(uuid.NewString())
	old := d.record(uuid.NewString())
	old.Time = time.Now().Add(-48 * time.Hour)
	d.write(once, once, old, kafka.Message{Key: once.Key, Value: []byte("nonsense")})
	for _, result := range []string{"published", "duplicate", "expired", "dead_letter"} {
		d.awaitCount(fmt.Sprintf("notification_events_total{result=%q}", result))
	}
}

// record asks for a notification as a producer of the contract does.
func (d *day) record(event string) kafka.Message {
	user := d.someone()
	data := fmt.Sprintf(`{"teacher_id":%q,"notification_type":"class_created","category":"class_management","priority":"low","payload":{}}`, user)
	value, err := json.Marshal(domain.Envelope{
		EventID: event, EventType: string(d.topic), EventTimestamp: time.Now(), SourceService: "school",
		SchemaVersion: 1, CorrelationID: uuid.NewString(), Data: json.RawMessage(data),
	})
	require.NoError(d.t, err)
	return kafka.Message{Key: []byte(user), Value: value}
}

// write puts records on the topic of notifications.
func (d *day) write(records ...kafka.Message) {
	d.t.Helper()
	pool := &kafka.Transport{}
	w := &kafka.Writer{Addr: kafka.TCP(d.kafka), Topic: string(d.topic), Transport: pool, Balancer: kafka.Murmur2Balancer{}, BatchTimeout: time.Millisecond}
	require.NoError(d.t, w.WriteMessages(d.t.Context(), records...))
	require.NoError(d.t, w.Close())
	pool.CloseIdleConnections()
}

// dropsMessages: direct messages that reach nobody, in front of one that does.
func (d *day) dropsMessages() {
	d.t.Helper()
	user, redis := d.someone(), d.publisher(d.t)
	c := connect(d.t, d.calm.ws(), as(user))
	for _, text := range []string{"\xff", strings.Repeat("x", 6000), "good"} {
		require.NoError(d.t, redis.Publish(d.t.Context(), "ws:"+user, text).Err())
	}
	require.Equal(d.t, "good", c.text(d.t))
}

// losesRedis: a newcomer is told, limits and records wait, and all of it comes
// back.
func (d *day) losesRedis() {
	d.t.Helper()
	stays := connect(d.t, d.calm.ws(), as(d.someone()))
	d.stopRedis()
	d.calm.awaitReady(d.t, "")
	connect(d.t, d.calm.ws(), as(d.someone())).closedBecause(d.t, 1011)
	require.Equal(d.t, 200, d.get(d.open, status(d.batch)).status)
	d.write(d.record(uuid.NewString()))
	d.awaitCount(`notification_events_total{result="retried"}`)
	d.startRedis()
	require.Equal(d.t, "resync", stays.next(d.t).Event)
	d.awaitCount("redis_resubscribes_total")
	require.Eventually(d.t, func() bool {
		return strings.Contains(string(call(d.t, "GET", d.open.http("/metrics"), "", nil).body), "gateway_rate_limiter_degraded 0\n")
	}, waitLimit, 50*time.Millisecond)
}

// failsInEveryWay goes through the table of causes. The last one takes Kafka
// away.
func (d *day) failsInEveryWay() {
	d.t.Helper()
	expired := headers{"Authorization": "Bearer " + changed(map[string]any{"exp": time.Now().Add(-time.Second).Unix()})}
	call(d.t, "GET", d.open.http(status(d.batch)), "", expired).failure(d.t, 401, "AUTHENTICATION_ERROR")
	call(d.t, "GET", d.open.http(status(d.batch)), "", headers{"Authorization": "Bearer x"}).failure(d.t, 401, "AUTHENTICATION_ERROR")
	for _, c := range append(ours(), theirs()...) {
		a := c.come(d.scene)
		require.Equal(d.t, c.status, a.status, "%s: %s", c.name, &a)
	}
}

// told are the codes that the table of causes brings about, but for the one of
// the gateway that has no page.
func (d *day) told() (codes []string) {
	for _, code := range domain.Codes() {
		if _, out := unseen()[code]; !out && code != domain.UnknownError {
			codes = append(codes, string(code))
		}
	}
	return codes
}

// awaitCount returns once one of the nodes has counted something there.
func (d *day) awaitCount(series string) {
	d.t.Helper()
	require.Eventually(d.t, func() bool {
		for _, n := range []service{d.calm, d.hasty, d.drowsy} {
			if a := call(d.t, http.MethodGet, n.admin("/metrics"), "", nil); counted(string(a.body), series) {
				return true
			}
		}
		return false
	}, waitLimit, 50*time.Millisecond, series)
}

// counted reports whether a page has the series, and not at zero.
func counted(page, series string) bool {
	_, value, found := strings.Cut(page, "\n"+series+" ")
	return found && !strings.HasPrefix(value, "0\n")
}
