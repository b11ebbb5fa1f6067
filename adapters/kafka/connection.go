package kafka

import (
	"crypto/tls"
	"fmt"
	"net"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

const (
	// dialTimeout bounds one connection attempt, authentication included.
	dialTimeout = 3 * time.Second
	// metadataTTL is how long a moved partition or a returned cluster may stay
	// unnoticed by a producer; it must fit several times into a publish.
	metadataTTL = time.Second
)

// transportFactory makes the connections for one topic each: they keep the layout of
// the cluster fresh by asking for that topic alone, not for all there are.
type transportFactory func(topic string) *kafkago.Transport

// newTransports returns what opens the connections of a producer, each on first use.
func newTransports(s Security, clientID string) (transportFactory, error) {
	encryption, authentication, err := s.open()
	if err != nil {
		return nil, err
	}
	return func(topic string) *kafkago.Transport {
		return &kafkago.Transport{
			Dial:        (&net.Dialer{Timeout: dialTimeout}).DialContext,
			DialTimeout: dialTimeout, MetadataTTL: metadataTTL, ClientID: clientID,
			MetadataTopics: []string{topic}, TLS: encryption, SASL: authentication,
		}
	}, nil
}

// newDialer returns what opens the connections of a consumer.
func newDialer(s Security, clientID string) (*kafkago.Dialer, error) {
	encryption, authentication, err := s.open()
	if err != nil {
		return nil, err
	}
	return &kafkago.Dialer{
		ClientID: clientID, Timeout: dialTimeout, DualStack: true,
		TLS: encryption, SASLMechanism: authentication,
	}, nil
}

// open turns the settings into what the client library wants; nil for what
// the protocol does without.
func (s Security) open() (*tls.Config, sasl.Mechanism, error) {
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
