package e2e_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/recorded"
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/wire"
)

// securedEnvironment is an environment whose servers require TLS and passwords of the services, but not of the
// platform.
type securedEnvironment struct {
	*environment

	redis servers.SecuredRedis
	kafka *servers.SecuredBroker
}

func newSecuredEnvironment(t *testing.T) securedEnvironment {
	t.Helper()
	k := servers.SecuredKafka(t)
	r := servers.StartSecuredRedis(t, k.Authority.Issue(time.Now().Add(time.Hour)))
	s := securedEnvironment{newEnvironment(t, backing{redis: r.URL(), kafka: k.Addr()}), r, k}
	maps.Copy(s.vars, map[string]string{
		"REDIS_URL": r.TLSURL(servers.Password), "REDIS_CA_FILE": k.Authority.File(),
		"KAFKA_BOOTSTRAP_SERVERS": k.Listener("SASL_SSL"), "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
		"KAFKA_SASL_USERNAME": servers.User, "KAFKA_SASL_PASSWORD": servers.Password, "KAFKA_SSL_CA_FILE": k.Authority.File(),
	})
	return s
}

// startServices starts both services. written returns their output.
func (s securedEnvironment) startServices(t *testing.T, vars map[string]string) (gateway, node service, written func() string) {
	t.Helper()
	g, n := recorded.NewLog(t), recorded.NewLog(t)
	gateway = service{harness.StartGatewayWith(t, vars, g, wire.GatewayOverride{})}
	node = service{harness.StartNodeWith(t, vars, s.topic, n)}
	return gateway, node, func() string { return g.String() + n.String() }
}

// TestServicesOnSecuredServers sends a command, a notification and an invalid record with each protocol and
// mechanism.
func TestServicesOnSecuredServers(t *testing.T) {
	t.Parallel()
	s := newSecuredEnvironment(t)
	for name, changes := range map[string]map[string]string{
		"TLS":            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_BOOTSTRAP_SERVERS": s.kafka.Listener("SSL")},
		"a password":     {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_BOOTSTRAP_SERVERS": s.kafka.Listener("SASL_PLAINTEXT")},
		"TLS and PLAIN":  {},
		"TLS and SCRAM":  {"KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"},
		"prefixed names": s.prefixedSettings("SCRAM-SHA-512"),
	} {
		t.Run(name, func(t *testing.T) {
			gateway, node, written := s.startServices(t, s.settings(changes))
			node.awaitReady(t, "ready")
			gateway.awaitReady(t, "ready")
			teacher, batch := s.batch(1)
			began := time.Now()
			c := connect(t, node.ws(), as(teacher))
			a := call(t, "POST", gateway.http(pipelinesPath(batch)), pipelineBody("spellcheck"), as(teacher))
			require.Equal(t, 202, a.status, "%s", &a)
			s.commandOf(t, batch, began)
			for c.next(t).Event != "batch_processing_started" {
			}
			s.checkDeadLetter(t)
			require.NotContains(t, written(), servers.Password)
		})
	}
}

// prefixedSettings returns settings with the gateway's prefix, beside invalid ones without it.
func (s securedEnvironment) prefixedSettings(mechanism string) map[string]string {
	return map[string]string{
		"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_BOOTSTRAP_SERVERS": s.kafka.Listener("SSL"), "KAFKA_SASL_PASSWORD": "wrong",
		"API_GATEWAY_KAFKA_BOOTSTRAP_SERVERS": s.kafka.Listener("SASL_SSL"), "API_GATEWAY_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
		"API_GATEWAY_KAFKA_SASL_MECHANISM": mechanism, "API_GATEWAY_KAFKA_SASL_USERNAME": servers.User,
		"API_GATEWAY_KAFKA_SASL_PASSWORD": servers.Password, "API_GATEWAY_KAFKA_SSL_CA_FILE": s.kafka.Authority.File(),
		"API_GATEWAY_REDIS_URL": s.redis.TLSURL(servers.Password), "API_GATEWAY_REDIS_CA_FILE": s.kafka.Authority.File(),
	}
}

// checkDeadLetter writes an invalid record and waits for it on the dead-letter topic.
func (s securedEnvironment) checkDeadLetter(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	poison := t.Name()
	connections := &kafka.Transport{}
	defer connections.CloseIdleConnections()
	w := &kafka.Writer{Addr: kafka.TCP(s.kafka.Addr()), Topic: string(s.topic), BatchTimeout: time.Millisecond, Transport: connections}
	require.NoError(t, w.WriteMessages(ctx, kafka.Message{Value: []byte(poison)}))
	require.NoError(t, w.Close())
	for {
		for partition := range 3 {
			if s.isDeadLetter(ctx, partition, poison) {
				return
			}
		}
		require.NoError(t, ctx.Err(), "not among the dead letters")
	}
}

// isDeadLetter reports whether a partition of the dead-letter topic contains the value.
func (s securedEnvironment) isDeadLetter(ctx context.Context, partition int, value string) bool {
	conn, err := kafka.DialLeader(ctx, "tcp", s.kafka.Addr(), string(s.topic)+".dlq", partition)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	first, last, err := conn.ReadOffsets()
	if err != nil || first == last {
		return false
	}
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	for offset := first; offset < last; offset++ {
		if m, err := conn.ReadMessage(1 << 20); err == nil && string(m.Value) == value {
			return true
		}
	}
	return false
}

// TestServicesReportFailedAuthentication checks readiness and log when servers refuse the services. The services
// keep running and log no secret.
func TestServicesReportFailedAuthentication(t *testing.T) {
	t.Parallel()
	s := newSecuredEnvironment(t)
	unknown := servers.NewAuthority(t).File()
	over := servers.StartSecuredRedis(t, s.kafka.Authority.Issue(time.Now().Add(-time.Minute)))
	for name, r := range map[string]struct {
		changes map[string]string
		kafka   string
		redis   string
	}{
		"unknown authority": {
			map[string]string{"KAFKA_SSL_CA_FILE": unknown, "REDIS_CA_FILE": unknown},
			"certificate signed by unknown authority", "certificate signed by unknown authority",
		},
		"expired certificate": {map[string]string{
			"KAFKA_BOOTSTRAP_SERVERS": s.kafka.Listener(servers.Expired), "KAFKA_SECURITY_PROTOCOL": "SSL",
			"REDIS_URL": over.TLSURL(servers.Password),
		}, "certificate has expired", "certificate has expired"},
		"wrong password": {
			map[string]string{
				"KAFKA_SASL_PASSWORD": "wr0ng-of-the-tests", "REDIS_URL": s.redis.TLSURL("wr0ng-of-the-tests"),
			},
			"SASL Authentication Failed", "WRONGPASS",
		},
		"wrong SCRAM password": {map[string]string{
			"KAFKA_SASL_PASSWORD": "wr0ng-of-the-tests", "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
		}, "SASL Authentication Failed", ""},
	} {
		t.Run(name, func(t *testing.T) {
			gateway, node, written := s.startServices(t, s.settings(r.changes))
			teacher, batch := s.batch(1)
			call(t, "POST", gateway.http(pipelinesPath(batch)), pipelineBody("spellcheck"), as(teacher)).failure(t, 500, "CONFIGURATION_ERROR")
			require.Eventually(t, func() bool { return strings.Contains(written(), r.kafka) }, waitLimit, 20*time.Millisecond, "%s", r.kafka)
			if r.redis == "" {
				node.awaitReady(t, "degraded")
			} else {
				require.Eventually(t, func() bool { return strings.Contains(written(), r.redis) }, waitLimit, 20*time.Millisecond, "%s", r.redis)
				gateway.awaitReady(t, "degraded")
				node.awaitReady(t, "503")
			}
			for _, p := range []service{gateway, node} {
				require.Equal(t, 200, call(t, "GET", p.http("/healthz"), "", nil).status)
			}
			for _, secret := range []string{servers.Password, "wr0ng-of-the-tests"} {
				require.NotContains(t, written(), secret)
			}
		})
	}
}
