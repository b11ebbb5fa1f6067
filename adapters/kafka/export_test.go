package kafka

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// NoteLife is how long a note on a partition counts.
const NoteLife = statusTTL

// Standing is a consumer's, without the consumer.
type Standing struct{ *consumerHealth }

// NewStanding returns that of a consumer which holds nothing yet.
func NewStanding(o ports.Observer) Standing { return Standing{newConsumerHealth(o)} }

// Joined notes the assignment of partitions.
func (s Standing) Joined() { s.setAssigned() }

// Left notes that there is no assignment any more.
func (s Standing) Left(err error) { s.setUnassigned(err) }

// Stuck notes that nothing moves on a partition.
func (s Standing) Stuck(partition int, err error) { s.update(partition, partitionHealth{err: err}) }

// Behind notes how old the record in hand is.
func (s Standing) Behind(partition int, age time.Duration) {
	s.update(partition, partitionHealth{written: time.Now().Add(-age)})
}

// Review is what the consumer does now and then.
func (s Standing) Review() { s.refresh() }

// AcceptRecord hands one record over, outside any group, and demands an answer
// that the table knows and that is no panic.
func AcceptRecord(t *testing.T, c *Consumer, value []byte) {
	t.Helper()
	_, err := c.accept(t.Context(), kafkago.Message{Value: value})
	if errors.Is(err, errPanic) {
		t.Fatal(err)
	}
	if _, known := classify(domain.CodeOf(err)); err != nil && !known {
		t.Fatalf("no verdict for %v", err)
	}
}

// BrokersAnswer notes that brokers answer, as Run does.
func BrokersAnswer(p *Publisher) { p.health.setAnswer(nil) }

// WithTimeout changes the limit of one publish.
func WithTimeout(p *Publisher, limit time.Duration) *Publisher {
	p.timeout = limit
	return p
}

// Waiting counts the records of a topic that wait for a request to end.
func Waiting(p *Publisher, topic string) (n int) {
	p.producer.mu.Lock()
	defer p.producer.mu.Unlock()
	for to, l := range p.producer.queues {
		if to.topic == topic {
			l.mu.Lock()
			n += len(l.waiting)
			l.mu.Unlock()
		}
	}
	return n
}

// PublishFailure translates an error of the producer.
func PublishFailure(topic string, err error) error { return publishFailure(topic, err) }

// CountLookups counts the requests that Follow makes to read records again.
type CountLookups struct {
	next  kafkago.RoundTripper
	Calls int
}

// RoundTrip counts and forwards a request.
func (c *CountLookups) RoundTrip(ctx context.Context, addr net.Addr, r kafkago.Request) (kafkago.Response, error) {
	c.Calls++
	return c.next.RoundTrip(ctx, addr, r)
}

// Follow processes one partition from its first record until ctx is done, without
// a consumer group.
func Follow(ctx context.Context, c *Consumer, partition int, count *CountLookups) {
	defer c.openClients()()
	count.next = c.lookupClient.Transport
	c.lookupClient.Transport = count
	c.consumePartition(ctx, kafkago.PartitionAssignment{ID: partition, Offset: kafkago.FirstOffset}, newProgress("", nil))
}
