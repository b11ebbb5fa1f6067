// Package topics reads and writes Kafka topics for operators. It joins no consumer group and
// creates no topic.
package topics

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/huleedu/edge/adapters/kafka"
)

const (
	requestTimeout = 10 * time.Second // requestTimeout limits one question to the brokers.
	requestRetries = 2                // requestRetries is how often a failed request is sent again.
)

var (
	errNoTopic     = errors.New("the topic does not exist")
	errCertificate = errors.New("KAFKA_SSL_CA_FILE contains no certificate")
)

// Inspector asks the brokers of the services, with their settings. It uses another library than the
// services, because theirs cannot ask for rights. It is safe for concurrent use.
type Inspector struct {
	kafka   *kgo.Client
	options []kgo.Opt
	// address is the list of brokers.
	address string
}

// Open returns a client that connects with its first request. It returns an error if the
// security settings cannot be used. Close closes the connections.
func Open(c kafka.ConsumerConfig) (*Inspector, error) {
	options, err := login(c.Security)
	if err != nil {
		return nil, err
	}
	options = append(options, kgo.SeedBrokers(strings.Split(c.Brokers, ",")...), kgo.ClientID("edge-operator"), kgo.RequestRetries(requestRetries),
		// Write sends a record again for as long as it may take: a partition may be without a leader for some seconds.
		kgo.RecordDeliveryTimeout(requestTimeout),
		// A login needs no right on the cluster then, and a repeated record has the same event id.
		kgo.DisableIdempotentWrite())
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	return &Inspector{client, options, c.Brokers}, nil
}

// Close closes the connections. No request may be in progress.
func (c *Inspector) Close() { c.kafka.Close() }

// Partitions returns the ids of the partitions of a topic, and none if it does not exist. It returns
// an error if no broker answers, or if the login may not see the topic.
func (c *Inspector) Partitions(ctx context.Context, topic string) ([]int32, error) {
	found, err := c.metadata(ctx, topic)
	if err != nil || found.ErrorCode == kerr.UnknownTopicOrPartition.Code {
		return nil, err
	}
	ids := make([]int32, len(found.Partitions))
	for i, p := range found.Partitions {
		ids[i] = p.Partition
	}
	return ids, kerr.ErrorForCode(found.ErrorCode)
}

// metadata returns what the brokers know about a topic, with the rights of the login.
func (c *Inspector) metadata(ctx context.Context, topic string) (found kmsg.MetadataResponseTopic, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request := kmsg.NewPtrMetadataRequest()
	one := kmsg.NewMetadataRequestTopic()
	one.Topic = new(topic)
	request.Topics, request.IncludeTopicAuthorizedOperations = []kmsg.MetadataRequestTopic{one}, true
	response, err := request.RequestWith(ctx, c.kafka)
	if err != nil {
		return found, err
	}
	if len(response.Topics) != 1 {
		return found, errNoTopic
	}
	return response.Topics[0], nil
}

// Write writes a record to its topic, on the partition of its key. It returns nil when all
// in-sync replicas have it. While the partition has no leader, as after the creation of a topic or
// the restart of a broker, it tries again for some seconds.
func (c *Inspector) Write(ctx context.Context, topic string, r Record) error {
	partitions, err := c.Partitions(ctx, topic)
	switch {
	case err != nil:
		return err
	case len(partitions) == 0:
		return fmt.Errorf("%s: %w", topic, errNoTopic)
	}
	return c.kafka.ProduceSync(ctx, &kgo.Record{Topic: topic, Key: r.Key, Value: r.Value, Headers: r.Headers}).FirstErr()
}

// login converts the security settings to those of the library.
func login(s kafka.Security) ([]kgo.Opt, error) {
	var options []kgo.Opt
	if strings.HasSuffix(s.Protocol, "SSL") {
		encryption := &tls.Config{MinVersion: tls.VersionTLS12}
		if s.CAFile != "" {
			pem, err := os.ReadFile(s.CAFile)
			if err != nil {
				return nil, fmt.Errorf("read KAFKA_SSL_CA_FILE: %w", err)
			}
			if encryption.RootCAs = x509.NewCertPool(); !encryption.RootCAs.AppendCertsFromPEM(pem) {
				return nil, errCertificate
			}
		}
		options = append(options, kgo.DialTLSConfig(encryption))
	}
	if strings.HasPrefix(s.Protocol, "SASL") {
		options = append(options, kgo.SASL(mechanism(s)))
	}
	return options, nil
}

func mechanism(s kafka.Security) sasl.Mechanism {
	credentials := scram.Auth{User: s.Username, Pass: s.Password.Reveal()}
	switch s.Mechanism {
	case "SCRAM-SHA-256":
		return credentials.AsSha256Mechanism()
	case "SCRAM-SHA-512":
		return credentials.AsSha512Mechanism()
	default:
		return plain.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsMechanism()
	}
}
