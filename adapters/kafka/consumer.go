package kafka

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/internal/backoff"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// The rhythm of group membership: how soon a dead node's partitions move on,
// and how soon a dead broker is noticed.
const (
	sessionTimeout    = 6 * time.Second
	rebalanceTimeout  = 6 * time.Second
	heartbeatInterval = 2 * time.Second
	rejoinPause       = time.Second
	// groupTimeout bounds one answer of the group's coordinator. The runtime wakes
	// for a deadline also when it has been moved since: at a heartbeat, this way.
	groupTimeout = 2 * heartbeatInterval
	// watchInterval is how long new partitions of the topic may go unnoticed, and
	// that a note on one is too old to count.
	watchInterval = 5 * time.Second
	// stableAfter is how long an assignment lasts that is no sign of trouble.
	stableAfter = 2 * time.Second
	// maxRejoinPause is the longest wait between attempts to get an assignment.
	maxRejoinPause = 2 * time.Second
	// commitInterval is how long a finished record may stay uncommitted; after a
	// crash so much is taken twice.
	commitInterval = 100 * time.Millisecond
)

// Consumer reads notifications from Kafka and passes them to the application. It processes
// each partition in order and independently of the others. It waits through outages of any
// length.
type Consumer struct {
	config        ConsumerConfig
	dialer        *kafkago.Dialer
	notifications *app.Notifications
	// brokers are asked for the topic's layout.
	brokers *metadataConn
	connect transportFactory
	// deadLetters writes dead letters, and source reads records again; each Run opens
	// its own.
	deadLetters  *deadLetters
	lookupClient *kafkago.Client
	// timesUnknown says that the times of records are not known; set before the
	// partitions are read.
	timesUnknown bool
	// markersWarned says that the warning of transactions was given.
	markersWarned atomic.Bool
	// partitions is how many the topic had before the last assignment; only
	// Run's work reads and writes it, and asks the brokers.
	partitions  int
	observer    ports.Observer
	tracer      trace.Tracer
	spanOptions []trace.SpanStartOption
	log         *slog.Logger
	health      *consumerHealth
}

// NewConsumer returns a consumer. It fails only when the security settings
// cannot be used, never because the brokers are away.
func NewConsumer(c ConsumerConfig, n *app.Notifications, o ports.Observer, tp trace.TracerProvider, log *slog.Logger) (*Consumer, error) {
	dialer, err := newDialer(c.Security, c.ClientID)
	if err != nil {
		return nil, domain.NotStarted("kafka consumer", err).WithOp("kafka.NewConsumer")
	}
	connect, err := newTransports(c.Security, c.ClientID)
	if err != nil {
		return nil, domain.NotStarted("kafka consumer", err).WithOp("kafka.NewConsumer")
	}
	return &Consumer{
		config: c, dialer: dialer, notifications: n, brokers: newMetadataConn(dialer, addresses(c.Brokers)), connect: connect,
		observer: o, tracer: tp.Tracer(tracerName), log: log,
		spanOptions: []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer)},
		health:      newConsumerHealth(o),
	}, nil
}

// Health reports whether notifications are consumed. It makes no request. Kafka is shared by
// all nodes, so the worst it says is degraded.
func (c *Consumer) Health(context.Context) domain.Health { return c.health.health(time.Now()) }

// Run processes notifications until ctx is done. Then it commits what is finished, leaves the
// group, so that other members take over at once, and returns nil. It may be called again
// after it has returned. An error means that the settings are invalid.
func (c *Consumer) Run(ctx context.Context) error {
	defer c.openClients()()
	if !c.awaitTopic(ctx) {
		return nil
	}
	c.checkTopic(ctx)
	group, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID: c.config.Group, Brokers: addresses(c.config.Brokers), Dialer: c.dialer,
		Topics:            []string{string(c.config.topic())},
		HeartbeatInterval: heartbeatInterval, SessionTimeout: sessionTimeout, RebalanceTimeout: rebalanceTimeout,
		JoinGroupBackoff: rejoinPause, Timeout: groupTimeout, StartOffset: kafkago.FirstOffset,
	})
	if err != nil {
		return domain.NotStarted("kafka consumer", err).WithOp("kafka.Run")
	}
	// Closing the group ends its current assignment, which ends the work; the
	// other way round the library would join again before it leaves.
	closed := context.AfterFunc(ctx, func() { _ = group.Close() })
	defer func() { closed(); _ = group.Close() }()
	for churn := 0; ctx.Err() == nil; churn++ {
		if lasted := c.assignment(ctx, group, churn); lasted > stableAfter {
			churn = 0
		}
		backoff.Wait(ctx, churn, firstPause, maxRejoinPause)
	}
	return nil
}

// openClients prepares connections, which are made with first use, and returns what
// closes them when no record is under way any more.
func (c *Consumer) openClients() (closeAll func()) {
	topic := string(c.config.topic())
	transport := c.connect(topic)
	c.lookupClient = &kafkago.Client{Addr: kafkago.TCP(addresses(c.config.Brokers)...), Transport: transport}
	c.deadLetters = newDeadLetters(c.config.Brokers, deadLetterTopic(topic), c.connect)
	return func() {
		c.health.setUnassigned(nil)
		c.brokers.close()
		transport.CloseIdleConnections()
		c.deadLetters.close()
	}
}

// assignment works through one assignment of partitions, from the moment it is
// made until it ends. attempt counts those that did not last.
func (c *Consumer) assignment(ctx context.Context, group *kafkago.ConsumerGroup, attempt int) (lasted time.Duration) {
	generation, err := group.Next(ctx)
	if err != nil {
		if ctx.Err() == nil && attempt%logEvery == 0 {
			c.log.WarnContext(ctx, "kafka is away; trying again", "error", err)
		}
		c.health.setUnassigned(err)
		return 0
	}
	began, ended := time.Now(), make(chan struct{})
	generation.Start(func(lease context.Context) {
		defer close(ended)
		c.runAssignment(lease, generation)
	})
	<-ended
	c.health.setUnassigned(nil)
	return time.Since(began)
}

// runAssignment processes every assigned partition until lease is done or the topic's
// partitions change, then commits what is finished. The assignment ends when it returns. An
// unfinished record is left to the next member.
func (c *Consumer) runAssignment(lease context.Context, generation *kafkago.Generation) {
	if c.partitionsChanged(lease) {
		return
	}
	topic := string(c.config.topic())
	partitions := generation.Assignments[topic]
	c.log.InfoContext(lease, "kafka partitions assigned", "topic", topic, "count", len(partitions), "generation", generation.ID)
	c.health.setAssigned()
	done := newProgress(topic, generation)
	ctx, cancel := context.WithCancel(lease)
	var workers sync.WaitGroup
	for _, p := range partitions {
		workers.Go(func() { c.consumePartition(ctx, p, done) })
	}
	c.supervise(lease, done)
	cancel()
	workers.Wait()
	c.commit(lease, done)
}

// supervise commits finished records and watches the topic's partitions until the assignment
// must end.
func (c *Consumer) supervise(lease context.Context, done *progress) {
	watch := time.NewTimer(domain.AlignedDelay(time.Now(), watchInterval))
	defer watch.Stop()
	var due <-chan time.Time // of a commit; nil: nothing is finished
	fresh := done.changed
	for {
		select {
		case <-lease.Done():
			return
		case <-fresh:
			due, fresh = time.After(commitInterval), nil
		case <-due:
			due, fresh = nil, done.changed
			if !c.commit(lease, done) {
				due = time.After(commitInterval)
			}
		case <-watch.C:
			c.health.refresh()
			if c.partitionsChanged(lease) {
				return
			}
			watch.Reset(domain.AlignedDelay(time.Now(), watchInterval))
		}
	}
}

// commit reports whether everything that was finished when it began is committed.
func (c *Consumer) commit(ctx context.Context, done *progress) bool {
	err := done.commit()
	if err != nil {
		c.log.WarnContext(ctx, "finished records are not committed yet", "error", err)
	}
	return err == nil
}
