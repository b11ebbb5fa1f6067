package deploy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/world"
)

// platform is what an operator has: both services, Redis, Kafka, the services behind the
// gateway, and a Prometheus that watches them.
type platform struct {
	t             *testing.T
	world         *world.World
	redis         server
	kafka         kafkaServer
	prometheus    *prometheusServer
	gateway, node *child
	tools         *runbookTools
}

// teacher owns the batch.
const (
	teacher = "teacher-anna"
	batch   = domain.BatchID("batch-anna")
)

// platformConfig changes a platform.
type platformConfig struct {
	// settings are those of both services that differ.
	settings map[string]string
	// files limits the open files of the notification service; 0 sets no limit.
	files int
}

// startPlatform starts everything.
func startPlatform(t *testing.T, c platformConfig) *platform {
	t.Helper()
	p := &platform{t: t, redis: startRedis(t), kafka: startKafka(t), tools: newRunbookTools(t)}
	w, err := world.Start(world.Config{InternalKey: harness.Secret, RedisURL: p.redis.address, KafkaAddr: p.kafka.address})
	require.NoError(t, err)
	t.Cleanup(w.Close)
	w.Platform.AddBatch(world.Batch{ID: batch, Owner: teacher, Essays: 1})
	vars := map[string]string{
		"ENVIRONMENT": "testing", "JWT_SECRET_KEY": harness.Secret, "HULEEDU_INTERNAL_API_KEY": harness.Secret,
		"REDIS_URL": w.RedisURL, "KAFKA_BOOTSTRAP_SERVERS": w.KafkaAddr, "ADMIN_TOKEN": harness.Secret,
		"API_GATEWAY_RESULT_AGGREGATOR_URL": w.Platform.AggregatorURL(), "API_GATEWAY_BOS_URL": w.Platform.OrchestratorURL(),
		"API_GATEWAY_CMS_API_URL": w.Platform.ClassesURL(), "API_GATEWAY_BFF_TEACHER_URL": w.Platform.TeacherURL(), "API_GATEWAY_FILE_SERVICE_URL": w.Platform.FilesURL(),
		"API_GATEWAY_RATE_LIMIT_COMMANDS": "1000000", "API_GATEWAY_RATE_LIMIT_QUERIES": "1000000", "API_GATEWAY_RATE_LIMIT_REFUSED": "1000000",
		"API_GATEWAY_HTTP_CIRCUIT_BREAKER_RECOVERY_TIMEOUT": "0.3", "API_GATEWAY_KAFKA_PUBLISH_TIMEOUT": "0.3",
		"WEBSOCKET_REDIS_PROBE_INTERVAL": "0.5", "WEBSOCKET_DRAIN_NOTICE": "0",
	}
	maps.Copy(vars, c.settings)
	p.world, p.prometheus = w, newPrometheus(t)
	p.gateway, p.node = startChild(t, "gateway", vars, 0), startChild(t, "websocket", vars, c.files)
	p.prometheus.addTarget("gateway", p.gateway.admin)
	p.prometheus.addTarget("websocket", p.node.admin)
	maps.Copy(p.tools.vars, map[string]string{
		"REDIS": p.redis.address, "KAFKA": p.kafka.address, "GATEWAY": "http://" + p.gateway.addr(), "WEBSOCKET": "ws://" + p.node.addr() + "/ws",
		"JWT_JWKS_URL": vars["JWT_JWKS_URL"], "ADMIN_TOKEN": harness.Secret, "NODES": p.gateway.admin + "," + p.node.admin,
		"SETTINGS": writeSettings(t, vars), "PRINCIPAL": "User:ANONYMOUS",
	})
	p.tools.realKafka = p.kafka.real
	p.tools.writeCluster()
	for range 3 {
		p.prometheus.step()
	}
	return p
}

// writeSettings writes a file of settings and returns its path.
func writeSettings(t *testing.T, vars map[string]string) string {
	t.Helper()
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(vars)) {
		_, _ = fmt.Fprintf(&text, "%s=%s\n", key, vars[key])
	}
	path := filepath.Join(t.TempDir(), "settings.env")
	require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o600))
	return path
}

// request sends a request to the gateway and returns the status; 0 without an answer.
func (p *platform) request(method, path, body, token string) int {
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+p.gateway.addr()+path, strings.NewReader(body))
	require.NoError(p.t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// page returns the answer of a service to its operators; empty without one.
func (p *platform) page(c *child, path string) (status int, body string) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+c.admin+path, http.NoBody)
	require.NoError(p.t, err)
	res, err := client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

// probe requests what an orchestrator requests regularly.
func (p *platform) probe() { _, _ = p.page(p.gateway, "/readyz") }

// requestStatus requests the status of the batch.
func (p *platform) requestStatus() {
	p.request(http.MethodGet, "/v1/batches/"+string(batch)+"/status", "", harness.Token(teacher))
}

// status requests the status of the batch, and probes.
func (p *platform) status() { p.probe(); p.requestStatus() }

// publish starts a pipeline.
func (p *platform) publish() {
	p.request(http.MethodPost, "/v1/batches/"+string(batch)+"/pipelines", `{"requested_pipeline":"spellcheck"}`, harness.Token(teacher))
}

// write writes records to the notification topic.
func (p *platform) write(records ...kafka.Message) {
	w := &kafka.Writer{Addr: kafka.TCP(p.world.KafkaAddr), Topic: string(domain.NotificationTopic), BatchTimeout: time.Millisecond, Transport: &kafka.Transport{}}
	defer func() {
		_ = w.Close()
		w.Transport.(*kafka.Transport).CloseIdleConnections()
	}()
	require.NoError(p.t, w.WriteMessages(p.t.Context(), records...))
}

// connect opens a socket of the user, which reads nothing and stays open until the end of the test.
func (p *platform) connect(user string) net.Conn {
	p.t.Helper()
	dialer := &net.Dialer{}
	conn, err := dialer.DialContext(p.t.Context(), "tcp", p.node.addr())
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "GET /ws?token=%s HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\r\n", harness.Token(user))
	require.NoError(p.t, err)
	status, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(p.t, err)
	require.Contains(p.t, status, "101")
	return conn
}

// notification returns a record of that age.
func notification(at time.Time) kafka.Message {
	text := fmt.Sprintf(`{"event_id":%q,"event_type":"%s","event_timestamp":"2026-01-01T00:00:00Z","source_service":"test","schema_version":1,"correlation_id":%q,"data_schema_uri":null,`+
		`"data":{"teacher_id":"%s","notification_type":"pipeline_completed","category":"batch_progress","priority":"high","payload":{},"correlation_id":"c"},"metadata":{}}`,
		uuid.NewString(), domain.NotificationTopic, uuid.NewString(), teacher)
	return kafka.Message{Value: []byte(text), Time: at}
}

// awaitResubscribed waits until the node's subscription works.
func (p *platform) awaitResubscribed() {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		status, _ := p.page(p.node, "/readyz")
		return status == http.StatusOK
	}, waitLimit, 50*time.Millisecond, "the subscription is restored")
}
