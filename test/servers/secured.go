package servers

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// User and Password open the servers of this package that demand them.
const (
	User     = "edge"
	Password = "s3cret-of-the-tests"
)

// SecuredBroker is a real Kafka that also listens where TLS, a password or both
// are demanded.
type SecuredBroker struct {
	*Broker

	// Trusted signs its certificates.
	Trusted *Authority
	ports   map[string]int
}

// Expired is the listener with TLS whose certificate is over.
const Expired = "EXPIRED"

// SecuredKafka starts a real Kafka with a listener for each of SSL,
// SASL_PLAINTEXT and SASL_SSL, and Expired. SASL takes PLAIN, SCRAM-SHA-256 and
// SCRAM-SHA-512.
func SecuredKafka(t testing.TB) *SecuredBroker {
	t.Helper()
	s := &SecuredBroker{Trusted: NewAuthority(t), ports: map[string]int{}}
	var listeners []string
	for name, protocol := range map[string]string{
		"SSL": "SSL", "SASL_PLAINTEXT": "SASL_PLAINTEXT", "SASL_SSL": "SASL_SSL", Expired: "SSL",
	} {
		s.ports[name] = freePorts(t)
		listeners = append(listeners, fmt.Sprintf("%s:%s:%d", name, protocol, s.ports[name]))
	}
	properties := filepath.Join(t.TempDir(), "secured.properties")
	write(t, properties, []byte(s.properties()))
	s.Broker = OwnKafka(t, "KAFKA_LISTENERS="+strings.Join(listeners, " "), "KAFKA_PROPERTIES="+properties,
		fmt.Sprintf("KAFKA_SCRAM=name=%s,password=%s", User, Password))
	return s
}

// Listener is the host:port of a listener by its name.
func (s *SecuredBroker) Listener(name string) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.ports[name]))
}

// properties are what the listeners need.
func (s *SecuredBroker) properties() string {
	var out strings.Builder
	good, over := s.Trusted.Identity(time.Now().Add(time.Hour)), s.Trusted.Identity(time.Now().Add(-time.Minute))
	for listener, id := range map[string]Identity{"ssl": good, "sasl_ssl": good, "expired": over} {
		fmt.Fprintf(&out, "listener.name.%s.ssl.keystore.type=PEM\n", listener)
		fmt.Fprintf(&out, "listener.name.%s.ssl.keystore.location=%s\n", listener, id.BothFile)
	}
	const module = "org.apache.kafka.common.security"
	for _, listener := range []string{"sasl_plaintext", "sasl_ssl"} {
		prefix := "listener.name." + listener
		fmt.Fprintf(&out, "%s.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n", prefix)
		fmt.Fprintf(&out, "%s.plain.sasl.jaas.config=%s.plain.PlainLoginModule required user_%s=%q;\n", prefix, module, User, Password)
		for _, mechanism := range []string{"256", "512"} {
			fmt.Fprintf(&out, "%s.scram-sha-%s.sasl.jaas.config=%s.scram.ScramLoginModule required;\n", prefix, mechanism, module)
		}
	}
	return out.String()
}

// SecuredRedis is a real Redis that demands TLS and a password of clients that
// come to its second port, and a password at its first.
type SecuredRedis struct {
	*RedisProcess

	secured string
}

// StartSecuredRedis starts one with this certificate.
func StartSecuredRedis(t testing.TB, id Identity) SecuredRedis {
	t.Helper()
	port := strconv.Itoa(freePorts(t))
	return SecuredRedis{secured: net.JoinHostPort("127.0.0.1", port), RedisProcess: OwnRedis(t,
		"--tls-port", port, "--tls-cert-file", id.CertFile, "--tls-key-file", id.KeyFile, "--tls-auth-clients", "no",
		"--user", User, "on", ">"+Password, "allkeys", "allchannels", "allcommands",
		"--user", "default", "on", "nopass", "-@all", "+info")}
}

// URL is where the password is demanded alone.
func (r SecuredRedis) URL() string {
	return "redis://" + User + ":" + Password + "@" + r.Addr()
}

// Secured is where TLS is demanded as well, with this password.
func (r SecuredRedis) Secured(password string) string {
	return "rediss://" + User + ":" + password + "@" + r.secured
}
