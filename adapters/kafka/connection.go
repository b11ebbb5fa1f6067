package kafka

import (
	"crypto/tls"
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// dialTimeout limits one connection attempt, including authentication.
const dialTimeout = 3 * time.Second

// newDialer returns a dialer for connections outside a topicClient. It returns an error if
// the security settings cannot be used.
func newDialer(s Security, clientID string) (*kafkago.Dialer, error) {
	encryption, authentication, err := s.credentials()
	if err != nil {
		return nil, err
	}
	return &kafkago.Dialer{
		ClientID: clientID, Timeout: dialTimeout, DualStack: true,
		TLS: encryption, SASLMechanism: authentication,
	}, nil
}

// credentials converts the settings to those of the library. A result is nil if the
// protocol does not use it.
func (s Security) credentials() (*tls.Config, sasl.Mechanism, error) {
	var encryption *tls.Config
	if s.encrypts() {
		encryption = &tls.Config{MinVersion: tls.VersionTLS12}
		if s.CAFile != "" {
			pool, err := authorities(s.CAFile)
			if err != nil {
				return nil, nil, fmt.Errorf("read KAFKA_SSL_CA_FILE: %w", err)
			}
			encryption.RootCAs = pool
		}
	}
	if !s.authenticates() {
		return encryption, nil, nil
	}
	authentication, err := s.mechanism()
	return encryption, authentication, err
}

func (s Security) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case mechanismScram256:
		return scram.Mechanism(scram.SHA256, s.Username, s.Password.Reveal())
	case mechanismScram512:
		return scram.Mechanism(scram.SHA512, s.Username, s.Password.Reveal())
	default:
		return plain.Mechanism{Username: s.Username, Password: s.Password.Reveal()}, nil
	}
}
