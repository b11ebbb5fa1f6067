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

// User and Password are the credentials of the servers that require them.
const (
	User     = "edge"
	Password = "s3cret-of-the-tests"
)

// SecuredBroker is a real Kafka with additional listeners that require TLS, a password or
// both.
type SecuredBroker struct {
	*Broker

	// Authority is the authority that issued its certificates.
	Authority *Authority
	ports     map[string]int
}

// Expired is the name of the TLS listener with an expired certificate.
const Expired = "EXPIRED"

// SecuredKafka starts a real Kafka with the listeners SSL, SASL_PLAINTEXT, SASL_SSL and
// Expired. The SASL mechanisms are PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. settings are those of OwnKafka.
func SecuredKafka(t testing.TB, settings ...string) *SecuredBroker {
	t.Helper()
	s := &SecuredBroker{Authority: NewAuthority(t), ports: map[string]int{}}
	var listeners []string
	for name, protocol := range map[string]string{
		"SSL": "SSL", "SASL_PLAINTEXT": "SASL_PLAINTEXT", "SASL_SSL": "SASL_SSL", Expired: "SSL",
	} {
		s.ports[name] = freePorts(t)
		listeners = append(listeners, fmt.Sprintf("%s:%s:%d", name, protocol, s.ports[name]))
	}
	properties := filepath.Join(t.TempDir(), "secured.properties")
	writeFile(t, properties, []byte(s.properties()))
	s.Broker = OwnKafka(t, append(settings, "KAFKA_LISTENERS="+strings.Join(listeners, " "), "KAFKA_PROPERTIES="+properties,
		fmt.Sprintf("KAFKA_SCRAM=name=%s,password=%s", User, Password))...)
	return s
}

// Listener returns the host:port of a listener.
func (s *SecuredBroker) Listener(name string) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.ports[name]))
}

// properties returns the broker settings of the listeners.
func (s *SecuredBroker) properties() string {
	var out strings.Builder
	valid, expired := s.Authority.Issue(time.Now().Add(time.Hour)), s.Authority.Issue(time.Now().Add(-time.Minute))
	for listener, id := range map[string]KeyPair{"ssl": valid, "sasl_ssl": valid, "expired": expired} {
		fmt.Fprintf(&out, "listener.name.%s.ssl.keystore.type=PEM\n", listener)
		fmt.Fprintf(&out, "listener.name.%s.ssl.keystore.location=%s\n", listener, id.CombinedFile)
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

// SecuredRedis is a real Redis that requires a password on its first port, and TLS and a
// password on its second port.
type SecuredRedis struct {
	*RedisProcess

	tlsAddr string
}

// StartSecuredRedis starts a server with this certificate.
func StartSecuredRedis(t testing.TB, id KeyPair) SecuredRedis {
	t.Helper()
	port := strconv.Itoa(freePorts(t))
	return SecuredRedis{tlsAddr: net.JoinHostPort("127.0.0.1", port), RedisProcess: OwnRedis(t,
		"--tls-port", port, "--tls-cert-file", id.CertFile, "--tls-key-file", id.KeyFile, "--tls-auth-clients", "no",
		"--user", User, "on", ">"+Password, "allkeys", "allchannels", "allcommands",
		"--user", "default", "on", "nopass", "-@all", "+info")}
}

// URL returns the URL without TLS.
func (r SecuredRedis) URL() string {
	return "redis://" + User + ":" + Password + "@" + r.Addr()
}

// TLSURL returns the URL with TLS and the given password.
func (r SecuredRedis) TLSURL(password string) string {
	return "rediss://" + User + ":" + password + "@" + r.tlsAddr
}
