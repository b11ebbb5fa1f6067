package kafka

import (
	"context"
	"errors"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/huleedu/edge/adapters/internal/dependency"
	"github.com/huleedu/edge/domain"
)

const (
	// pingInterval is the time between two health checks of the brokers.
	pingInterval = 5 * time.Second
	// pingTimeout limits one health check, including a new connection.
	pingTimeout = 3 * time.Second
	// failureTTL is how long a failed publish degrades the health, unless a later publish
	// succeeds.
	failureTTL = 30 * time.Second
	// misconfiguredTTL is how long a rejected topic, permission or setting degrades the health,
	// unless a later publish succeeds. It is long, because only an operator can correct it.
	misconfiguredTTL = 10 * time.Minute
	// firstPingTimeout limits how long health waits for the first health check, so that a
	// process that has just started does not report a healthy Kafka as unavailable.
	firstPingTimeout = time.Second
)

// brokerHealth is the health of a publisher: whether brokers respond, and whether the last
// command was published. It is safe for concurrent use.
type brokerHealth struct {
	// conn is used only by run.
	conn *metadataConn
	// state logs and counts changes; nil in tests of the health alone.
	state *dependency.Tracker
	// pinged is closed after the first health check.
	pinged chan struct{}
	first  sync.Once

	mu           sync.Mutex
	pingError    error
	publishError error
	publishedAt  time.Time
}

func newBrokerHealth(d *kafkago.Dialer, brokers []string) *brokerHealth {
	return &brokerHealth{conn: newMetadataConn(d, brokers), pinged: make(chan struct{})}
}

// run checks the brokers until ctx is done. It uses a connection of its own: the producer's
// clients cannot tell, because they keep old metadata while no broker responds.
func (h *brokerHealth) run(ctx context.Context) {
	defer h.conn.close()
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for {
		err := h.ping(ctx)
		if ctx.Err() != nil {
			return
		}
		h.recordPing(err)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ping returns nil if any broker responds.
func (h *brokerHealth) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return h.conn.do(ctx, func(conn *kafkago.Conn) error {
		_, err := conn.Brokers() // the smallest metadata request
		return err
	})
}

// recordPing stores the result of a health check.
func (h *brokerHealth) recordPing(err error) {
	h.mu.Lock()
	h.pingError = err
	h.reportState()
	h.mu.Unlock()
	h.first.Do(func() { close(h.pinged) })
}

// recordPublish stores the result of a command. It ignores results that tell nothing about
// Kafka: the caller cancelled, or the broker rejected the record for its content.
func (h *brokerHealth) recordPublish(err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, errClosed) {
		return
	}
	if why := classifyError(err).outcome; err != nil && (why == recordTooLarge || why == recordInvalid) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.publishError, h.publishedAt = err, time.Now()
	h.reportState()
}

// reportState reports the current problem, or none, to the tracker. The caller must hold the
// lock.
func (h *brokerHealth) reportState() {
	_, err := h.problem(time.Now())
	h.state.Report(err)
}

// awaitFirstPing waits for the first health check. It returns false if ctx is done or
// firstPingTimeout has passed before.
func (h *brokerHealth) awaitFirstPing(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, firstPingTimeout)
	defer cancel()
	select {
	case <-h.pinged:
		return true
	case <-ctx.Done():
		return false
	}
}

// health returns the state of the brokers for the health response.
func (h *brokerHealth) health(ctx context.Context) domain.Health {
	out := domain.Health{Name: dependencyName, Condition: domain.Healthy}
	if !h.awaitFirstPing(ctx) {
		out.Condition, out.Note = domain.Degraded, "No answer yet"
		return out
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if out.Note, out.Err = h.problem(time.Now()); out.Err != nil {
		out.Condition = domain.Degraded
	}
	return out
}

// problem returns a public description of the current problem and its cause, which is nil
// without a problem. The caller must hold the lock.
func (h *brokerHealth) problem(now time.Time) (note string, err error) {
	age := now.Sub(h.publishedAt)
	switch {
	case h.pingError != nil && classifyError(h.pingError).outcome == misconfigured:
		return "The brokers refuse this service; commands are refused", h.pingError
	case h.pingError != nil:
		return "No broker answers; commands are refused", h.pingError
	case h.publishError != nil && classifyError(h.publishError).outcome == misconfigured && age < misconfiguredTTL:
		return "Kafka refuses commands: its topic, rights or settings need an operator", h.publishError
	case h.publishError != nil && age < failureTTL:
		return "The last command could not be published", h.publishError
	default:
		return "", nil
	}
}
