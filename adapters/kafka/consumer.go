package kafka

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/internal/backoff"
	"github.com/huleedu/edge/adapters/internal/dependency"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// sessionTimeout is the time after which the group gives the partitions of a dead member
	// to the others.
	sessionTimeout = 6 * time.Second
	// rebalanceTimeout is the time that the members have to rejoin the group after it changed. A
	// member that takes longer loses its partitions.
	rebalanceTimeout = 6 * time.Second
	// heartbeatInterval is the time between two heartbeats of a member to the group.
	heartbeatInterval = 2 * time.Second
	// rejoinPause is the wait before a member joins again after a failed attempt.
	rejoinPause = time.Second
	// groupTimeout limits one response of the group's coordinator, and so how long a dead
	// broker goes unnoticed.
	groupTimeout = 2 * heartbeatInterval
	// watchInterval is the time between two checks for new partitions of the topic.
	watchInterval = 5 * time.Second
	// stableAfter is the duration after which an assignment counts as stable.
	stableAfter = 2 * time.Second
	// maxRejoinPause is the longest wait between two attempts to get an assignment.
	maxRejoinPause = 2 * time.Second
	// commitInterval is the longest time between the end of a record and its commit. After
	// a crash the records of this time are delivered again.
	commitInterval = 100 * time.Millisecond
)

// Consumer reads notifications from Kafka and passes them to the application. It processes
// each partition in order and independently of the others. While Kafka or the application is
// unavailable it retries, without a limit of time.
type Consumer struct {
	config        ConsumerConfig
	dialer        *kafkago.Dialer
	newClient     clientFactory
	notifications *app.Notifications
	// brokers returns the partitions of the topic. Only the goroutine of the group uses it.
	brokers *metadataConn
	// partitions is the number of partitions before the current assignment. Only the
	// goroutine of the group uses it.
	partitions int
	// deadLetters writes dead letters, and lookupClient reads records again. Each Run opens
	// its own.
	deadLetters  *deadLetters
	lookupClient *topicClient
	// timesUnknown is set if the times of records are unknown. It does not change while
	// partitions are read.
	timesUnknown bool
	// markersWarned is set when the warning about transactions has been logged.
	markersWarned atomic.Bool
	observer      ports.Observer
	tracer        trace.Tracer
	spanOptions   []trace.SpanStartOption
	log           *slog.Logger
	health        *consumerHealth
}

// NewConsumer returns a consumer. It returns INITIALIZATION_FAILED only if the security
// settings cannot be used, never because the brokers are unreachable.
func NewConsumer(c ConsumerConfig, n *app.Notifications, o ports.Observer, tp trace.TracerProvider, log *slog.Logger) (*Consumer, error) {
	dialer, err := newDialer(c.Security, c.ClientID)
	if err != nil {
		return nil, domain.NotStarted("kafka consumer", err).WithOp("kafka.NewConsumer")
	}
	newClient, err := newClientFactory(c.Brokers, c.Security, c.ClientID)
	if err != nil {
		return nil, domain.NotStarted("kafka consumer", err).WithOp("kafka.NewConsumer")
	}
	c.Topic = cmp.Or(c.Topic, domain.NotificationTopic)
	c.FinalAfter = cmp.Or(c.FinalAfter, unknownDuration)
	health := newConsumerHealth(o)
	health.state = dependency.NewTracker(dependency.Config{Name: dependencyName, Address: c.Brokers}, o, log)
	return &Consumer{
		config: c, dialer: dialer, newClient: newClient, notifications: n,
		brokers:  newMetadataConn(dialer, addresses(c.Brokers)),
		observer: o, tracer: tp.Tracer(tracerName), log: log,
		spanOptions: []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
			semconv.MessagingSystemKafka, semconv.MessagingOperationTypeProcess,
			semconv.MessagingDestinationName(string(c.Topic)), semconv.MessagingConsumerGroupName(c.Group))},
		health: health,
	}, nil
}

// Health reports whether notifications are consumed. It sends no request. It is never worse
// than degraded, because all nodes share Kafka.
func (c *Consumer) Health(context.Context) domain.Health { return c.health.health(time.Now()) }

// Run processes notifications until ctx is done. Then it commits the finished records, leaves
// the group, so that other members take over at once, and returns nil. It may be called again
// after it has returned. It returns INITIALIZATION_FAILED if the settings are invalid.
func (c *Consumer) Run(ctx context.Context) error {
	defer c.openClients()()
	if !c.awaitTopic(ctx) {
		return nil
	}
	c.checkTopic(ctx)
	group, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID: c.config.Group, Brokers: addresses(c.config.Brokers), Dialer: c.dialer,
		Topics:            []string{string(c.config.Topic)},
		HeartbeatInterval: heartbeatInterval, SessionTimeout: sessionTimeout, RebalanceTimeout: rebalanceTimeout,
		JoinGroupBackoff: rejoinPause, Timeout: groupTimeout, StartOffset: kafkago.FirstOffset,
	})
	if err != nil {
		return domain.NotStarted("kafka consumer", err).WithOp("kafka.Run")
	}
	// Closing the group ends its assignment, which ends runAssignment. In the other order
	// the library would join again before it leaves.
	stop := context.AfterFunc(ctx, func() { _ = group.Close() })
	defer func() { stop(); _ = group.Close() }()
	for attempt := 0; ctx.Err() == nil; attempt++ {
		if lasted := c.awaitAssignment(ctx, group); lasted > stableAfter {
			attempt = 0
		}
		backoff.Wait(ctx, attempt, firstPause, maxRejoinPause)
	}
	return nil
}

// openClients creates the clients of one Run. The caller must call closeAll when no record is
// being processed.
func (c *Consumer) openClients() (closeAll func()) {
	topic := string(c.config.Topic)
	c.lookupClient = c.newClient(topic)
	c.deadLetters = &deadLetters{c.newClient(DeadLetterTopic(topic))}
	return func() {
		c.health.setUnassigned(nil)
		c.brokers.close()
		c.lookupClient.close()
		c.deadLetters.client.close()
	}
}

// awaitAssignment waits for an assignment of partitions and processes it until it ends. It
// returns how long it lasted.
func (c *Consumer) awaitAssignment(ctx context.Context, group *kafkago.ConsumerGroup) (lasted time.Duration) {
	generation, err := group.Next(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = nil
		}
		c.health.setUnassigned(err)
		return 0
	}
	start, done := time.Now(), make(chan struct{})
	generation.Start(func(ctx context.Context) {
		defer close(done)
		c.runAssignment(ctx, generation)
	})
	<-done
	c.health.setUnassigned(nil)
	return time.Since(start)
}

// runAssignment processes the assigned partitions until ctx, the context of the assignment, is
// done or the topic's partitions change. Then it commits the finished records. An unfinished
// record is left to the next member.
func (c *Consumer) runAssignment(ctx context.Context, generation *kafkago.Generation) {
	if c.partitionsChanged(ctx) {
		return
	}
	topic := string(c.config.Topic)
	partitions := generation.Assignments[topic]
	c.log.InfoContext(ctx, "kafka partitions assigned", "topic", topic, "count", len(partitions), "generation", generation.ID)
	c.health.setAssigned()
	finished := newProgress(topic, generation)
	working, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	for _, p := range partitions {
		workers.Go(func() { c.consumePartition(working, p, finished) })
	}
	workers.Go(func() { c.watchLag(working, partitions, finished) })
	c.supervise(ctx, finished)
	cancel()
	workers.Wait()
	c.commit(ctx, finished)
}

// supervise commits finished records and watches the topic's partitions until the assignment
// must end.
func (c *Consumer) supervise(ctx context.Context, finished *progress) {
	watch := time.NewTicker(watchInterval)
	defer watch.Stop()
	var due <-chan time.Time // of the next commit; nil if all is committed
	changed := finished.changed
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			due, changed = time.After(commitInterval), nil
		case <-due:
			due, changed = nil, finished.changed
			if !c.commit(ctx, finished) {
				due = time.After(commitInterval)
			}
		case <-watch.C:
			c.health.refresh()
			if c.partitionsChanged(ctx) {
				return
			}
		}
	}
}

// commit commits the finished records. It returns false after an error.
func (c *Consumer) commit(ctx context.Context, finished *progress) bool {
	err := finished.commit()
	if err != nil {
		c.log.DebugContext(ctx, "finished records are not committed yet", "error", err)
	}
	c.health.setCommit(err)
	return err == nil
}
