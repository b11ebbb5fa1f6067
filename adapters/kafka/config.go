package kafka

import (
	"crypto/x509"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/huleedu/edge/domain"
)

// PublisherConfig contains the brokers, the publish timeout and the security settings of a
// Publisher.
type PublisherConfig struct {
	// Brokers of the cluster, host:port, separated by commas. The other brokers are found through them.
	Brokers string `env:"KAFKA_BOOTSTRAP_SERVERS" alias:"KAFKA_BOOTSTRAP_SERVERS" envDefault:"kafka:9092"`
	// Timeout is the longest time until all in-sync replicas have a command. After it the response is 503 and the outcome unknown.
	Timeout time.Duration `env:"KAFKA_PUBLISH_TIMEOUT" alias:"KAFKA_PUBLISH_TIMEOUT" envDefault:"5"`
	Security
}

// ConsumerConfig contains the brokers, topic, group and limits of a Consumer.
type ConsumerConfig struct {
	// Brokers of the cluster, host:port, separated by commas. The other brokers are found through them.
	Brokers string `env:"KAFKA_BOOTSTRAP_SERVERS" alias:"KAFKA_BOOTSTRAP_SERVERS" envDefault:"localhost:9092"`
	// Group is the consumer group that all nodes of the service share.
	Group string `env:"KAFKA_CONSUMER_GROUP" envDefault:"websocket-service-consumer"`
	// ClientID is the name of this process in the logs and quotas of the brokers.
	ClientID string `env:"KAFKA_CONSUMER_CLIENT_ID" envDefault:"websocket-service-client"`
	// MaxBytes is the maximum size of a frame to a client, in bytes. A record whose frame with its id would be larger is written to the dead-letter topic.
	MaxBytes int `env:"NOTIFICATION_MAX_BYTES" envDefault:"262144"`
	// MaxAge is the maximum age of a record, by its Kafka timestamp. An older record is skipped.
	MaxAge time.Duration `env:"NOTIFICATION_LOG_TTL" envDefault:"24h"`
	// Topic is set only by code. The default is the notification topic of the contract.
	Topic domain.Topic
	// FinalAfter is set only by tests: how long a record fails for an unknown reason before
	// it is written to the dead-letter topic. The default is unknownDuration.
	FinalAfter time.Duration
	Security
}

// Security configures encryption and authentication of the connections to the brokers.
type Security struct {
	// Protocol is PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.
	Protocol string `env:"KAFKA_SECURITY_PROTOCOL" alias:"KAFKA_SECURITY_PROTOCOL" envDefault:"PLAINTEXT"`
	// Mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; used with the SASL protocols.
	Mechanism string `env:"KAFKA_SASL_MECHANISM" alias:"KAFKA_SASL_MECHANISM" envDefault:"PLAIN"`
	// Username for the SASL protocols.
	Username string `env:"KAFKA_SASL_USERNAME" alias:"KAFKA_SASL_USERNAME"`
	// Password for the SASL protocols.
	Password domain.Secret `env:"KAFKA_SASL_PASSWORD" alias:"KAFKA_SASL_PASSWORD"`
	// CAFile is a PEM file with the authorities that sign the certificates of the brokers. Empty means those of the system.
	CAFile string `env:"KAFKA_SSL_CA_FILE" alias:"KAFKA_SSL_CA_FILE"`
}

// Problems returns an error for each invalid setting.
func (c PublisherConfig) Problems(environment domain.Environment) []error {
	var found problems
	found.brokers(c.Brokers)
	found.positive("KAFKA_PUBLISH_TIMEOUT", c.Timeout)
	found.security(c.Security, environment)
	return found
}

// Problems returns an error for each invalid setting.
func (c ConsumerConfig) Problems(environment domain.Environment) []error {
	var found problems
	found.brokers(c.Brokers)
	if strings.TrimSpace(c.Group) == "" {
		found.add("KAFKA_CONSUMER_GROUP", "must not be empty")
	}
	if c.MaxBytes <= 0 {
		found.add("NOTIFICATION_MAX_BYTES", "must be a positive number of bytes")
	}
	found.positive("NOTIFICATION_LOG_TTL", c.MaxAge)
	found.security(c.Security, environment)
	return found
}

// Warnings returns an error for each setting that is weak in the environment.
func (s Security) Warnings(environment domain.Environment) []error {
	if environment != domain.Production || s.Protocol != saslPlaintext || s.Mechanism == mechanismPlain {
		return nil
	}
	return []error{domain.Misconfigured("KAFKA_SECURITY_PROTOCOL",
		"is SASL_PLAINTEXT: SCRAM hides the password, but records are neither hidden nor protected from changes; SASL_SSL does both")}
}

const (
	// plaintext is the security protocol without encryption and without login.
	plaintext = "PLAINTEXT"
	// tlsOnly is the security protocol with TLS and without a login by password.
	tlsOnly = "SSL"
	// saslPlaintext is the security protocol with a login by password and without encryption.
	saslPlaintext = "SASL_PLAINTEXT"
	// saslTLS is the security protocol with TLS and a login by password.
	saslTLS = "SASL_SSL"

	// mechanismPlain is the SASL mechanism that sends the password itself.
	mechanismPlain = "PLAIN"
	// mechanismScram256 is the SASL mechanism SCRAM with SHA-256, which does not send the password.
	mechanismScram256 = "SCRAM-SHA-256"
	// mechanismScram512 is the SASL mechanism SCRAM with SHA-512, which does not send the password.
	mechanismScram512 = "SCRAM-SHA-512"
)

func (s Security) encrypts() bool { return s.Protocol == tlsOnly || s.Protocol == saslTLS }

func (s Security) authenticates() bool {
	return s.Protocol == saslPlaintext || s.Protocol == saslTLS
}

// problems collects an error for each invalid setting.
type problems []error

func (p *problems) add(key, message string) {
	*p = append(*p, domain.Misconfigured(key, message))
}

func (p *problems) positive(key string, d time.Duration) {
	if d <= 0 {
		p.add(key, "must be a positive time")
	}
}

func (p *problems) brokers(list string) {
	if len(addresses(list)) == 0 {
		p.add("KAFKA_BOOTSTRAP_SERVERS", "must name at least one host:port")
	}
	for _, address := range addresses(list) {
		if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
			p.add("KAFKA_BOOTSTRAP_SERVERS", "must be host:port, separated by commas")
			return
		}
	}
}

func (p *problems) security(s Security, environment domain.Environment) {
	if !slices.Contains([]string{"", plaintext, tlsOnly, saslPlaintext, saslTLS}, s.Protocol) {
		p.add("KAFKA_SECURITY_PROTOCOL", "must be PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL")
	}
	if s.authenticates() {
		p.credentials(s)
	}
	if environment == domain.Production && s.Protocol == saslPlaintext && s.Mechanism == mechanismPlain {
		p.add("KAFKA_SECURITY_PROTOCOL", "must be SASL_SSL in production with the mechanism PLAIN: the password would be sent in clear text")
	}
	if s.encrypts() && s.CAFile != "" {
		if _, err := authorities(s.CAFile); err != nil {
			p.add("KAFKA_SSL_CA_FILE", "must be a readable PEM file with certificates")
		}
	}
}

func (p *problems) credentials(s Security) {
	if !slices.Contains([]string{mechanismPlain, mechanismScram256, mechanismScram512}, s.Mechanism) {
		p.add("KAFKA_SASL_MECHANISM", "must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
	}
	if s.Username == "" {
		p.add("KAFKA_SASL_USERNAME", "is needed with "+s.Protocol)
	}
	if s.Password == "" {
		p.add("KAFKA_SASL_PASSWORD", "is needed with "+s.Protocol)
	}
}

// addresses splits a comma-separated list of brokers.
func addresses(list string) []string {
	var out []string
	for address := range strings.SplitSeq(list, ",") {
		if address = strings.TrimSpace(address); address != "" {
			out = append(out, address)
		}
	}
	return out
}

var errNoCertificates = errors.New("the file holds no certificates")

// authorities reads a PEM file of certificates. It returns an error if there are none.
func authorities(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errNoCertificates
	}
	return pool, nil
}
