package kafka

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// StatusTTL is how long the state of a partition counts.
const StatusTTL = statusTTL

// ConsumerHealth is the health of a consumer, without the consumer.
type ConsumerHealth struct{ *consumerHealth }

// NewConsumerHealth returns the health of a consumer without an assignment.
func NewConsumerHealth(o ports.Observer) ConsumerHealth { return ConsumerHealth{newConsumerHealth(o)} }

// SetAssigned records a new assignment.
func (h ConsumerHealth) SetAssigned() { h.setAssigned() }

// SetUnassigned records that there is no assignment.
func (h ConsumerHealth) SetUnassigned(err error) { h.setUnassigned(err) }

// SetError records a failed attempt on a partition.
func (h ConsumerHealth) SetError(partition int, err error) {
	h.update(partition, partitionHealth{err: err})
}

// SetLag records the age of a partition's current record.
func (h ConsumerHealth) SetLag(partition int, age time.Duration) {
	h.update(partition, partitionHealth{written: time.Now().Add(-age)})
}

// Refresh reports a change that is due to expired states.
func (h ConsumerHealth) Refresh() { h.refresh() }

// AcceptRecord processes one record outside a group. It fails the test after a panic and
// after an error without a known code.
func AcceptRecord(t *testing.T, c *Consumer, value []byte) {
	t.Helper()
	_, err := c.accept(t.Context(), kafkago.Message{Value: value})
	if errors.Is(err, errPanic) {
		t.Fatal(err)
	}
	if err != nil && !slices.Contains(domain.Codes(), domain.CodeOf(err)) {
		t.Fatalf("the error has no known code: %v", err)
	}
}

// RecordSuccessfulPing records a successful health check of the brokers.
func RecordSuccessfulPing(p *Publisher) { p.health.recordPing(nil) }

// WithTimeout changes the publish timeout.
func WithTimeout(p *Publisher, timeout time.Duration) *Publisher {
	p.timeout = timeout
	return p
}

// Waiting returns the number of records of a topic that wait for a request to end.
func Waiting(p *Publisher, topic string) (n int) {
	p.producer.mu.Lock()
	defer p.producer.mu.Unlock()
	for key, q := range p.producer.queues {
		if key.topic == topic {
			q.mu.Lock()
			n += len(q.waiting)
			q.mu.Unlock()
		}
	}
	return n
}

// PublishFailure converts an error of the producer to an error of the port.
func PublishFailure(topic string, err error) error { return publishFailure(topic, err) }

// LookupCounter counts the requests that ConsumePartition makes to read records again.
type LookupCounter struct {
	next  kafkago.RoundTripper
	Calls int
}

// RoundTrip counts and forwards a request.
func (c *LookupCounter) RoundTrip(ctx context.Context, addr net.Addr, r kafkago.Request) (kafkago.Response, error) {
	c.Calls++
	return c.next.RoundTrip(ctx, addr, r)
}

// ConsumePartition processes one partition from its first record until ctx is done, without
// a consumer group.
func ConsumePartition(ctx context.Context, c *Consumer, partition int, counter *LookupCounter) {
	defer c.openClients()()
	counter.next = c.lookupClient.Transport
	c.lookupClient.Transport = counter
	c.consumePartition(ctx, kafkago.PartitionAssignment{ID: partition, Offset: kafkago.FirstOffset}, newProgress("", nil))
}
