package kafka

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/huleedu/edge/adapters/internal/backoff"
)

const (
	// maxInFlight is the maximum number of unconfirmed records. Further records are
	// rejected at once, so that memory does not grow while the brokers are unavailable.
	maxInFlight = 1024
	// firstPause is the longest wait after the first failed attempt of any kind.
	firstPause = 25 * time.Millisecond
	// maxResendPause is the longest wait between two attempts to send a record.
	maxResendPause = 250 * time.Millisecond
)

var (
	errClosed         = errors.New("the producer is closed")
	errTooManyPending = errors.New("too many records are unconfirmed")
)

// producer writes records with acknowledgement of all in-sync replicas.
//
// The library's Writer is not used: it cannot drop a record whose sender has given up, so
// when the brokers respond again it would send commands whose callers have already got an
// error, and a single record waits for its batch timer. See docs/decisions/0013-kafka-producer.md.
type producer struct {
	newClient clientFactory
	log       *slog.Logger
	// ctx is cancelled when close stops waiting for records in flight.
	ctx      context.Context
	cancel   context.CancelFunc
	inFlight chan struct{}

	mu      sync.Mutex
	closed  bool
	clients map[string]*topicClient
	queues  map[topicPartition]*partitionQueue
	// workers are the senders and the running queues.
	workers sync.WaitGroup
}

// topicPartition is a partition of a topic.
type topicPartition struct {
	topic     string
	partition int
}

func newProducer(newClient clientFactory, log *slog.Logger) *producer {
	ctx, cancel := context.WithCancel(context.Background())
	return &producer{
		newClient: newClient, log: log, ctx: ctx, cancel: cancel,
		inFlight: make(chan struct{}, maxInFlight),
		clients:  map[string]*topicClient{}, queues: map[topicPartition]*partitionQueue{},
	}
}

// send returns nil when all in-sync replicas have the record. classifyError returns the
// meaning of an error for the record. ctx must have a deadline. The topic is created if the
// brokers allow that.
func (p *producer) send(ctx context.Context, record kafkago.Message) error {
	client, err := p.begin(record.Topic)
	if err != nil {
		return err
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
	pending := &pendingRecord{ctx: ctx, record: record, result: make(chan error, 1), release: func() { <-p.inFlight }}
	partition, err := awaitPartition(client, pending)
	if err != nil {
		pending.release()
		return err
	}
	p.enqueue(client, partition, pending)
	select {
	case err = <-pending.result:
	case <-ctx.Done():
		err = pending.lastError.timeoutError(ctx)
	}
	return err
}

// begin returns the topic's client and makes close wait for the caller, which must call
// workers.Done. It returns errClosed after close, because connections that are opened later
// would leak.
func (p *producer) begin(topic string) (*topicClient, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	p.workers.Add(1)
	if p.clients[topic] == nil {
		p.clients[topic] = p.newClient(topic)
	}
	return p.clients[topic], nil
}

// awaitPartition returns the partition of the record. It repeats temporary errors, also a
// missing topic, until the sender's context is done.
func awaitPartition(client *topicClient, r *pendingRecord) (int, error) {
	for attempt := 0; ; attempt++ {
		partition, err := client.partition(r.ctx, r.record.Key)
		if err == nil || !retryable(err) {
			return partition, err
		}
		if r.ctx.Err() != nil {
			return 0, r.lastError.timeoutError(r.ctx)
		}
		r.lastError.store(err)
		backoff.Wait(r.ctx, attempt, firstPause, maxResendPause)
	}
}

// enqueue adds a record to the queue of its partition and starts the queue if it is idle.
func (p *producer) enqueue(client *topicClient, partition int, r *pendingRecord) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := topicPartition{client.topic, partition}
	queue := p.queues[key]
	if queue == nil {
		write := func(ctx context.Context, batch []*pendingRecord) error {
			return writeBatch(ctx, client, partition, batch)
		}
		queue = &partitionQueue{log: p.log, write: write}
		p.queues[key] = queue
	}
	if queue.enqueue(r) {
		p.workers.Go(func() { queue.run(p.ctx) })
	}
}

// writeBatch sends one batch once.
func writeBatch(ctx context.Context, client *topicClient, partition int, batch []*pendingRecord) error {
	records := make([]kafkago.Record, 0, len(batch))
	for _, p := range batch {
		records = append(records, kafkago.Record{
			Time: p.record.Time, Headers: p.record.Headers,
			Key: protocol.NewBytes(p.record.Key), Value: protocol.NewBytes(p.record.Value),
		})
	}
	return client.produce(ctx, partition, 0, records...)
}

// close rejects further records, waits for those in flight until ctx is done, then cancels
// the rest and closes the connections. It returns ctx's error if it cancelled records.
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
	for _, client := range p.clients {
		client.close()
	}
	return err
}
