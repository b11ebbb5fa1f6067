package deploy_test

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
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
	prometheus    *prometheusServer
	gateway, node *child
}

// teacher owns the batch.
const (
	teacher = "teacher-anna"
	batch   = domain.BatchID("batch-anna")
)

// startPlatform starts everything. changes are settings of both services.
func startPlatform(t *testing.T, changes map[string]string) *platform {
	t.Helper()
	w, err := world.Start(world.Config{InternalKey: harness.Secret})
	require.NoError(t, err)
	t.Cleanup(w.Close)
	w.Platform.AddBatch(world.Batch{ID: batch, Owner: teacher, Essays: 1})
	vars := map[string]string{
		"ENVIRONMENT": "testing", "JWT_SECRET_KEY": harness.Secret, "HULEEDU_INTERNAL_API_KEY": harness.Secret,
		"REDIS_URL": w.RedisURL, "KAFKA_BOOTSTRAP_SERVERS": w.KafkaAddr, "KAFKA_CONSUMER_GROUP": "websocket-" + uuid.NewString(),
		"API_GATEWAY_RESULT_AGGREGATOR_URL": w.Platform.AggregatorURL(), "API_GATEWAY_BOS_URL": w.Platform.OrchestratorURL(),
		"API_GATEWAY_CMS_API_URL": w.Platform.ClassesURL(), "API_GATEWAY_BFF_TEACHER_URL": w.Platform.TeacherURL(), "API_GATEWAY_FILE_SERVICE_URL": w.Platform.FilesURL(),
		"API_GATEWAY_RATE_LIMIT_COMMANDS": "1000000", "API_GATEWAY_RATE_LIMIT_QUERIES": "1000000", "API_GATEWAY_RATE_LIMIT_REFUSED": "1000000",
		"API_GATEWAY_HTTP_CIRCUIT_BREAKER_RECOVERY_TIMEOUT": "0.3", "API_GATEWAY_KAFKA_PUBLISH_TIMEOUT": "0.3",
		"WEBSOCKET_REDIS_PROBE_INTERVAL": "0.5", "WEBSOCKET_DRAIN_NOTICE": "0",
	}
	for key, value := range changes {
		vars[key] = value
	}
	p := &platform{t: t, world: w, prometheus: newPrometheus(t)}
	p.gateway, p.node = startChild(t, "gateway", vars), startChild(t, "websocket", vars)
	p.prometheus.addTarget("gateway", p.gateway.addr())
	p.prometheus.addTarget("websocket", p.node.addr())
	for range 3 {
		p.prometheus.step()
	}
	return p
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

// probe requests what an orchestrator requests regularly.
func (p *platform) probe() { p.request(http.MethodGet, "/readyz", "", "") }

// status requests the status of the batch, and probes.
func (p *platform) status() {
	p.probe()
	p.request(http.MethodGet, "/v1/batches/"+string(batch)+"/status", "", harness.Token(teacher))
}

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

// connect opens a socket, whose lease the node renews until the end of the test.
func (p *platform) connect() {
	p.t.Helper()
	dialer := &net.Dialer{}
	conn, err := dialer.DialContext(p.t.Context(), "tcp", p.node.addr())
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "GET /ws?token=%s HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\r\n", harness.Token(teacher))
	require.NoError(p.t, err)
	status, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(p.t, err)
	require.Contains(p.t, status, "101")
}

// alertFault makes alerts fire by a fault and silences them as their sections in
// docs/operations.md say.
type alertFault struct {
	alerts []string
	fault  func(p *platform)
	repair func(p *platform)
	// use is what clients do meanwhile, before each scrape.
	use func(p *platform)
	// after is what clients do after the repair; nil: only probes arrive.
	after func(p *platform)
	// always means that the fault is part of every run, not only of a full one.
	always bool
}

// alertFaults returns all faults by name.
func alertFaults() map[string]alertFault {
	all := faultsOfServers()
	maps.Copy(all, faultsOfServices())
	maps.Copy(all, faultsOfClients())
	return all
}

// faultsOfServices returns faults of the two services and of those behind the gateway.
func faultsOfServices() map[string]alertFault {
	return map[string]alertFault{
		"services killed": {
			alerts: []string{"GatewayDown", "WebSocketDown"},
			fault:  func(p *platform) { p.gateway.kill(); p.node.kill() },
			repair: func(p *platform) { p.gateway.start(); p.node.start() },
		},
		"gateway crashes": {
			alerts: []string{"ServiceRestarts"},
			fault: func(p *platform) {
				for range 3 {
					p.gateway.kill()
					p.gateway.start()
					p.prometheus.step()
				}
			},
		},
		"aggregator away": {
			alerts: []string{"CircuitOpen", "GatewayErrorBurn", "DependencyDown"},
			fault:  func(p *platform) { p.world.Platform.FailAggregator(world.Disconnect) },
			repair: func(p *platform) { p.world.Platform.FailAggregator(world.NoFailure) },
			use:    (*platform).status,
			after:  (*platform).status, // a circuit closes with successful requests
			always: true,
		},
	}
}

// faultsOfServers returns faults of Redis and Kafka.
func faultsOfServers() map[string]alertFault {
	return map[string]alertFault{
		"Redis away": {
			alerts: []string{"DependencyDown", "NodeNotReady", "RateLimiterDegraded", "QuotaDegraded", "NotificationsStalled"},
			fault: func(p *platform) {
				p.connect()
				p.world.Redis().Stop()
			},
			repair: func(p *platform) { require.NoError(p.t, p.world.Redis().Restart()) },
			use: func(p *platform) {
				p.status()
				p.write(notification(time.Now()))
			},
			always: true,
		},
		"Kafka away": {
			alerts: []string{"DependencyDown", "PublishFailing", "NotificationsStalled"},
			fault:  func(p *platform) { p.world.Kafka().Disconnect() },
			repair: func(p *platform) { p.world.Kafka().Resume() },
			use:    (*platform).publish,
		},
		"topic refused": func() alertFault {
			var refused *world.InjectedFault
			return alertFault{
				alerts: []string{"PublishMisconfigured"},
				fault: func(p *platform) {
					const topicAuthorizationFailed = 29
					refused = p.world.Kafka().FailWritesWith(string(domain.CommandTopic), topicAuthorizationFailed)
				},
				repair: func(*platform) { refused.Remove() },
				use:    (*platform).publish,
			}
		}(),
		"subscription breaks": {
			alerts: []string{"SubscriptionsBreak"},
			fault: func(p *platform) {
				for range 10 {
					p.world.Redis().Stop()
					require.NoError(p.t, p.world.Redis().Restart())
					p.awaitResubscribed()
				}
			},
		},
	}
}

// faultsOfClients returns faults of token issuers and producers.
func faultsOfClients() map[string]alertFault {
	return map[string]alertFault{
		"another secret": {
			alerts: []string{"TokensRefused"},
			fault:  func(*platform) {},
			use: func(p *platform) {
				forged := harness.SignWith(map[string]any{"alg": "HS256"}, harness.Claims(teacher), "another secret, another secret, another")
				for range 30 {
					p.request(http.MethodGet, "/v1/batches", "", forged)
				}
			},
		},
		"broken records": {
			alerts: []string{"NotificationsDeadLettered"},
			fault:  func(p *platform) { p.write(kafka.Message{Value: []byte("no envelope")}) },
			always: true,
		},
		"old records": {
			alerts: []string{"NotificationLag"},
			fault:  func(*platform) {},
			use:    func(p *platform) { p.write(notification(time.Now().Add(-time.Minute))) },
		},
	}
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
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	require.Eventually(p.t, func() bool {
		req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+p.node.addr()+"/readyz", http.NoBody)
		if err != nil {
			return false
		}
		res, err := client.Do(req)
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	}, waitLimit, 50*time.Millisecond, "the subscription is restored")
}

// TestAlertsFireByRealFaults makes each alert fire by a real fault of running services and
// silences it by the steps of its section. The clock of the rules runs 150 times as fast as the
// services: see realInterval. A full run has all faults.
func TestAlertsFireByRealFaults(t *testing.T) {
	for name, f := range alertFaults() {
		if !f.always && !harness.Full() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			p := startPlatform(t, nil)
			p.check(f)
		})
	}
}

// check applies the fault, awaits the alerts, repairs, and awaits their end.
func (p *platform) check(f alertFault) {
	p.t.Helper()
	use := func() {}
	if f.use != nil {
		use = func() { f.use(p) }
	}
	f.fault(p)
	for _, alert := range f.alerts {
		p.prometheus.awaitFiring(alert, use)
	}
	if f.repair != nil {
		f.repair(p)
		for range 5 {
			use()
			p.prometheus.step()
		}
	}
	after := p.probe
	if f.after != nil {
		after = func() { f.after(p) }
	}
	for _, alert := range f.alerts {
		p.prometheus.awaitSilent(alert, after)
	}
}

// TestKeyAlertsFireByRealFaults takes the key set away: before the first fetch, and later.
func TestKeyAlertsFireByRealFaults(t *testing.T) {
	var away atomic.Bool
	away.Store(true)
	var once sync.Once
	fetched := make(chan struct{})
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		once.Do(func() { close(fetched) })
		_, _ = fmt.Fprint(w, `{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`)
	}))
	t.Cleanup(keys.Close)
	p := startPlatform(t, map[string]string{
		"JWT_ALGORITHM": "ES256", "JWT_JWKS_URL": keys.URL, "JWT_JWKS_REFRESH_INTERVAL": "0.1", "JWT_JWKS_MIN_INTERVAL": "0.1",
	})
	p.prometheus.awaitFiring("TokenKeysMissing", nil)
	p.prometheus.awaitFiring("DependencyDown", nil)
	away.Store(false)
	<-fetched
	p.prometheus.awaitSilent("TokenKeysMissing", nil)
	p.prometheus.awaitSilent("DependencyDown", nil)
	away.Store(true)
	p.prometheus.awaitFiring("TokenKeysStale", nil)
	away.Store(false)
	p.prometheus.awaitSilent("TokenKeysStale", nil)
}
