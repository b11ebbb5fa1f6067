package kafka_test

import (
	"context"
	"errors"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/contract"
	"github.com/huleedu/edge/test/servers"
)

// writerPublisher publishes with the library's Writer, for the comparison in
// docs/decisions/0013-kafka-producer.md.
type writerPublisher struct{ *kafkago.Writer }

func (p writerPublisher) Publish(ctx context.Context, c domain.Command) error {
	value, err := c.Envelope.Encode()
	if err != nil {
		return err
	}
	for { // the Writer does not wait for a topic that is being created
		err = p.WriteMessages(ctx, kafkago.Message{Topic: string(c.Topic), Key: []byte(c.Key), Value: value})
		if !errors.Is(err, kafkago.UnknownTopicOrPartition) {
			return err
		}
	}
}

// writerHarness returns a Writer with the settings that are fastest with one caller and with 64.
func writerHarness(addr string) contract.PublisherHarness {
	h := publisherHarness(addr)
	h.New = func(t testing.TB) ports.CommandPublisher {
		transport := &kafkago.Transport{}
		w := &kafkago.Writer{
			Addr: kafkago.TCP(addr), Transport: transport, RequiredAcks: kafkago.RequireAll, Balancer: kafkago.Murmur2Balancer{},
			BatchTimeout: time.Millisecond, BatchSize: 500, AllowAutoTopicCreation: true,
		}
		t.Cleanup(func() { _ = w.Close(); transport.CloseIdleConnections() })
		return writerPublisher{w}
	}
	return h
}

func BenchmarkWriterOnEmbeddedKafka(b *testing.B) {
	contract.BenchmarkCommandPublisher(b, writerHarness(embedded(b).Addr()))
}

func BenchmarkWriterOnRealKafka(b *testing.B) {
	contract.BenchmarkCommandPublisher(b, writerHarness(servers.Kafka(b)))
}
