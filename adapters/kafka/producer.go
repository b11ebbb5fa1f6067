package kafka

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/metadata"

	"github.com/huleedu/edge/adapters/internal/backoff"
)

// maxInFlight is how many records may be unconfirmed at once. Beyond it callers are refused
// at once, so that memory does not grow in an outage.
const maxInFlight = 1024

var (
	errClosed         = errors.New("the producer is closed")
	errTooManyPending = errors.New("too many records are unconfirmed")
)

// producer writes records with acknowledgement of all in-sync replicas.
//
// The library's own writer is not used: it cannot drop a record whose sender
// gave up, so after an outage it would send commands that their callers were told to
// repeat, and a single record waits for its batch timer.
type producer struct {
	addr    net.Addr
	connect transportFactory
	// ctx is canceled when close stops waiting for records in flight.
	ctx      context.Context
	cancel   context.CancelFunc
	inFlight chan struct{}

	mu      sync.Mutex
	closed  bool
	queues  map[topicPartition]*partitionQueue
	topics  map[string]*kafkago.Transport
	workers sync.WaitGroup

	log *slog.Logger
}

// topicPartition is a partition of a topic.
type topicPartition struct {
	topic     string
	partition int
}

func newProducer(brokers string, connect transportFactory, log *slog.Logger) *producer {
	life, kill := context.WithCancel(context.Background())
	return &producer{
		addr: kafkago.TCP(addresses(brokers)...), connect: connect, ctx: life, cancel: kill,
		inFlight: make(chan struct{}, maxInFlight), queues: map[topicPartition]*partitionQueue{},
		topics: map[string]*kafkago.Transport{}, log: log,
	}
}

// transport returns the topic's connections.
func (p *producer) transport(topic string) (*kafkago.Transport, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	if p.topics[topic] == nil {
		p.topics[topic] = p.connect(topic)
	}
	return p.topics[topic], nil
}

// send returns nil once the record is safe. refusalOf tells what an error means. ctx
// needs a deadline; the partition follows from the key as in the Java and
// Python clients, and the topic is created if the brokers allow it.
func (p *producer) send(ctx context.Context, record kafkago.Message) error {
	if !p.begin() {
		return errClosed
	}
	defer p.workers.Done()
	select {
	case p.inFlight <- struct{}{}:
	default:
		return errTooManyPending
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	partition, err := p.partition(ctx, record)
	if err != nil {
		<-p.inFlight
		return err
	}
	sent := &pendingRecord{ctx: ctx, record: record, result: make(chan error, 1), release: func() { <-p.inFlight }}
	if err := p.enqueue(topicPartition{record.Topic, partition}, sent); err != nil {
		<-p.inFlight
		return err
	}
	select {
	case err = <-sent.result:
	case <-ctx.Done():
		err = sent.lastError.timeoutError(ctx)
	}
	return err
}

// begin makes close wait for the caller, which must call workers.Done. It returns false after
// close, because connections that are opened later would leak.
func (p *producer) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.workers.Add(1)
	}
	return !p.closed
}

// enqueue adds a record to the queue of its partition.
func (p *producer) enqueue(to topicPartition, sent *pendingRecord) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errClosed
	}
	l := p.queues[to]
	if l == nil {
		via := &kafkago.Client{Addr: p.addr, Transport: p.topics[to.topic]}
		l = &partitionQueue{log: p.log, write: func(ctx context.Context, batch []*pendingRecord) error { return write(ctx, via, to, batch) }}
		p.queues[to] = l
	}
	if l.enqueue(sent) {
		p.workers.Go(func() { l.run(p.ctx) })
	}
	return nil
}

// partition finds the record's partition, waiting for the topic to appear.
func (p *producer) partition(ctx context.Context, record kafkago.Message) (int, error) {
	var last lastError
	for attempt := 0; ; attempt++ {
		count, err := p.partitionCount(ctx, record.Topic)
		if err == nil {
			all := make([]int, count)
			for i := range all {
				all[i] = i
			}
			return kafkago.Murmur2Balancer{}.Balance(record, all...), nil
		}
		if errors.Is(err, errClosed) || !retryable(err) {
			return 0, err
		}
		if ctx.Err() != nil {
			return 0, last.timeoutError(ctx)
		}
		last.store(err)
		backoff.Wait(ctx, attempt, firstPause, resendPause)
	}
}

var errNoPartitions = errors.New("the topic has no partitions yet")

// partitionCount asks the connections' cache how many partitions a topic has; a topic
// that is missing there is asked for, which creates it.
func (p *producer) partitionCount(ctx context.Context, topic string) (int, error) {
	transport, err := p.transport(topic)
	if err != nil {
		return 0, err
	}
	response, err := transport.RoundTrip(ctx, p.addr, &metadata.Request{
		TopicNames: []string{topic}, AllowAutoTopicCreation: true,
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
	if len(known.Topics[0].Partitions) == 0 {
		return 0, errNoPartitions
	}
	return len(known.Topics[0].Partitions), nil
}

// write sends one batch once.
func write(ctx context.Context, via *kafkago.Client, to topicPartition, batch []*pendingRecord) error {
	records := make([]kafkago.Record, 0, len(batch))
	for _, sent := range batch {
		records = append(records, kafkago.Record{
			Time: sent.record.Time, Headers: sent.record.Headers,
			Key: protocol.NewBytes(sent.record.Key), Value: protocol.NewBytes(sent.record.Value),
		})
	}
	response, err := via.Produce(ctx, &kafkago.ProduceRequest{
		Topic: to.topic, Partition: to.partition, RequiredAcks: kafkago.RequireAll,
		Records: kafkago.NewRecordReader(records...),
	})
	if err != nil {
		return err
	}
	return response.Error
}

// close takes no more records, waits for those under way until ctx is done,
// and then lets go of them and of the connections.
func (p *producer) close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	idle := make(chan struct{})
	go func() {
		p.workers.Wait()
		close(idle)
	}()
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.cancel()
	<-idle
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, transport := range p.topics {
		transport.CloseIdleConnections()
	}
	return err
}
