package kafka

import (
	"context"
	"errors"
	"net"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// metadataTTL is the age at which the cached metadata of a topic is requested again. A
// producer notices a moved partition or a restarted cluster only then, so it must fit
// several times into a publish timeout.
const metadataTTL = time.Second

// topicClient sends requests about one topic. It connects with the first request, and
// keeps the metadata of this topic up to date, not that of all topics.
type topicClient struct {
	kafkago.Client
	topic     string
	transport *kafkago.Transport
}

// clientFactory returns a client for a topic. The caller must call close.
type clientFactory func(topic string) *topicClient

// newClientFactory returns a factory of clients with these settings. It returns an error if the
// security settings cannot be used.
func newClientFactory(brokers string, s Security, clientID string) (clientFactory, error) {
	encryption, authentication, err := s.credentials()
	if err != nil {
		return nil, err
	}
	return func(topic string) *topicClient {
		transport := &kafkago.Transport{
			Dial:        (&net.Dialer{Timeout: dialTimeout}).DialContext,
			DialTimeout: dialTimeout, MetadataTTL: metadataTTL, ClientID: clientID,
			MetadataTopics: []string{topic}, TLS: encryption, SASL: authentication,
		}
		client := kafkago.Client{Addr: kafkago.TCP(addresses(brokers)...), Transport: transport}
		return &topicClient{Client: client, topic: topic, transport: transport}
	}, nil
}

// close closes the connections. No request may be in progress.
func (c *topicClient) close() { c.transport.CloseIdleConnections() }

// errNoPartitions means that the topic is not ready yet.
var errNoPartitions = errors.New("the topic has no partitions yet")

// partition returns the partition of a key, as the Java and Python clients choose it. A
// topic that is missing in the cached metadata is requested from the brokers, which create
// it if their settings allow that.
func (c *topicClient) partition(ctx context.Context, key []byte) (int, error) {
	response, err := c.transport.RoundTrip(ctx, c.Addr, &metadata.Request{
		TopicNames: []string{c.topic}, AllowAutoTopicCreation: true,
	})
	if err != nil {
		return 0, err
	}
	known, ok := response.(*metadata.Response)
	if !ok || len(known.Topics) != 1 {
		return 0, errNoPartitions
	}
	if code := known.Topics[0].ErrorCode; code != 0 {
		return 0, kafkago.Error(code)
	}
	all := make([]int, len(known.Topics[0].Partitions))
	if len(all) == 0 {
		return 0, errNoPartitions
	}
	for i := range all {
		all[i] = i
	}
	return kafkago.Murmur2Balancer{}.Balance(kafkago.Message{Key: key}, all...), nil
}

// produce writes the records in one request. It returns nil when all in-sync replicas have
// them. classifyError returns the meaning of an error for the records.
func (c *topicClient) produce(ctx context.Context, partition int, codec kafkago.Compression, records ...kafkago.Record) error {
	response, err := c.Produce(ctx, &kafkago.ProduceRequest{
		Topic: c.topic, Partition: partition, RequiredAcks: kafkago.RequireAll, Compression: codec,
		Records: kafkago.NewRecordReader(records...),
	})
	if err != nil {
		return err
	}
	return response.Error
}
