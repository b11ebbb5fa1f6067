package kafka_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
)

// selfSigned returns a self-signed certificate for 127.0.0.1 and the path of its PEM file.
func selfSigned(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func TestSecurityProtocols(t *testing.T) {
	cert, file := selfSigned(t)
	for _, security := range []kafka.Security{
		{Protocol: "SSL", CAFile: file},
		{Protocol: "SASL_PLAINTEXT", Mechanism: "PLAIN", Username: "edge", Password: "s3cret"},
		{Protocol: "SASL_SSL", Mechanism: "SCRAM-SHA-256", Username: "edge", Password: "s3cret", CAFile: file},
		{Protocol: "SASL_SSL", Mechanism: "SCRAM-SHA-512", Username: "edge", Password: "s3cret", CAFile: file},
	} {
		t.Run(security.Protocol+"/"+security.Mechanism, func(t *testing.T) {
			options := []kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(1, "commands", "notifications")}
			if security.CAFile != "" {
				options = append(options, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}))
			}
			if security.Mechanism != "" {
				options = append(options, kfake.EnableSASL(), kfake.Superuser(security.Mechanism, "edge", "s3cret"))
			}
			cluster, err := kfake.NewCluster(options...)
			require.NoError(t, err)
			defer cluster.Close()
			publishAndConsume(t, cluster, security)

			security.Password, security.CAFile = "wrong", ""
			p, err := kafka.NewPublisher(kafka.PublisherConfig{
				Brokers: cluster.ListenAddrs()[0], Timeout: 3 * time.Second, Security: security,
			}, &facts{}, noop.NewTracerProvider(), discardLog())
			require.NoError(t, err)
			defer func() { require.NoError(t, p.Close(context.Background())) }()
			want := domain.ConfigurationError
			if security.Mechanism == "PLAIN" { // the embedded broker closes the connection without an error code
				want = domain.KafkaPublishError
			}
			require.Equal(t, want, domain.CodeOf(p.Publish(t.Context(), command("commands", "b1"))))
		})
	}
}

// bothWays publishes a command and joins the consumer group.
func publishAndConsume(t *testing.T, cluster *kfake.Cluster, security kafka.Security) {
	t.Helper()
	addr := cluster.ListenAddrs()[0]
	p, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: addr, Timeout: 5 * time.Second, Security: security},
		&facts{}, noop.NewTracerProvider(), discardLog())
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close(context.Background())) }()
	require.NoError(t, p.Publish(t.Context(), command("commands", "b1")))

	s := newScenario(addr)
	s.topic, s.config = "notifications", func(c *kafka.ConsumerConfig) { c.Security = security }
	s.start(t).awaitHealth(t, domain.Healthy)
	_, value := s.event("u1", nil)
	require.NoError(t, p.Publish(t.Context(), domain.Command{Topic: "notifications", Key: "u1", Envelope: envelope(t, value)}))
	s.published.await(t, "the notification", func() bool { return len(s.published.ids("u1")) == 1 })
}

func envelope(t *testing.T, value []byte) domain.Envelope {
	t.Helper()
	e, err := domain.ParseEnvelope(value)
	require.NoError(t, err)
	return e
}

func TestPublisherReportsEveryInvalidSetting(t *testing.T) {
	bad := kafka.PublisherConfig{Brokers: ",", Security: kafka.Security{Protocol: "TELEPATHY"}}
	require.Len(t, bad.Problems(domain.Testing), 3)
	good := kafka.PublisherConfig{Brokers: "a:1,b:2", Timeout: 1}
	require.Empty(t, good.Problems(domain.Production))
	bad.Security = kafka.Security{Protocol: "SSL", CAFile: "/does/not/exist"}
	_, err := kafka.NewPublisher(bad, &facts{}, noop.NewTracerProvider(), discardLog())
	require.Equal(t, domain.InitializationFailed, domain.CodeOf(err))
}

// FuzzRecord checks that no record makes the consumer panic.
func FuzzRecord(f *testing.F) {
	s := newScenario(embedded(f).Addr())
	_, value := s.event("u1", map[string]string{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
	f.Add(value)
	f.Add([]byte(`{}`))
	f.Add([]byte(``))
	use := app.NewNotifications(app.NotificationConfig{Topic: domain.Topic(s.topic)}, s.published, nil, s.facts)
	c, err := kafka.NewConsumer(kafka.ConsumerConfig{
		Brokers: s.addr, Group: s.group, MaxBytes: 262144, MaxAge: time.Hour, Topic: domain.Topic(s.topic),
	}, use, s.facts, s.traces, discardLog())
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, value []byte) {
		kafka.AcceptRecord(t, c, value)
	})
}
