package kafka

import (
	"context"
	"errors"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/huleedu/edge/domain"
)

const (
	// pingInterval is how often the brokers are asked whether they answer.
	pingInterval = 5 * time.Second
	// pingTimeout bounds one such request, a new connection included.
	pingTimeout = 3 * time.Second
	// failureTTL is how long a failed publish counts that no later one has put
	// right.
	failureTTL = 30 * time.Second
	// misconfiguredTTL is the same for a refusal of topic, rights or settings,
	// which lasts until an operator changes them.
	misconfiguredTTL = 10 * time.Minute
	// firstAnswerTimeout is how long a health answer waits for the brokers' first, so that
	// a process that has just started does not call a Kafka that is there away.
	firstAnswerTimeout = time.Second
)

// brokerHealth is the health of a publisher: whether brokers respond, and whether the last
// command was published.
type brokerHealth struct {
	// brokers are asked by run alone.
	brokers *metadataConn
	// answered is closed once it is known whether brokers answer.
	answered chan struct{}
	first    sync.Once

	mu           sync.Mutex
	answerError  error
	publishError error
	publishedAt  time.Time
}

func newBrokerHealth(d *kafkago.Dialer, brokers []string) *brokerHealth {
	return &brokerHealth{brokers: newMetadataConn(d, brokers), answered: make(chan struct{})}
}

// run asks the brokers until ctx is done, over one connection that is kept
// while it answers. The producer's own cannot tell: they keep an old layout
// through an outage.
func (p *brokerHealth) run(ctx context.Context) {
	defer p.brokers.close()
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for {
		err := p.ping(ctx)
		if ctx.Err() != nil {
			return
		}
		p.setAnswer(err)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// setAnswer notes what came of asking.
func (p *brokerHealth) setAnswer(err error) {
	p.mu.Lock()
	p.answerError = err
	p.mu.Unlock()
	p.first.Do(func() { close(p.answered) })
}

// ping wants an answer of any broker.
func (p *brokerHealth) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return p.brokers.do(ctx, func(conn *kafkago.Conn) error {
		_, err := conn.Brokers() // alone, which is the smallest metadata
		return err
	})
}

// notePublish records the result of a command. A caller that left says nothing
// about Kafka, and neither does a record that the broker rejects for what it is.
func (p *brokerHealth) notePublish(err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, errClosed) {
		return
	}
	if why := classifyError(err).outcome; err != nil && (why == recordTooLarge || why == recordInvalid) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.publishError, p.publishedAt = err, time.Now()
}

// awaitFirst reports whether it is known how the brokers do. It waits for that no
// longer than ctx and firstWait.
func (p *brokerHealth) awaitFirst(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, firstAnswerTimeout)
	defer cancel()
	select {
	case <-p.answered:
		return true
	case <-ctx.Done():
		return false
	}
}

// health puts the state in public words.
func (p *brokerHealth) health(ctx context.Context) domain.Health {
	h := domain.Health{Name: "kafka", Condition: domain.Healthy}
	if !p.awaitFirst(ctx) {
		h.Condition, h.Note = domain.Degraded, "No answer yet"
		return h
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	since := time.Since(p.publishedAt)
	switch {
	case p.answerError != nil && classifyError(p.answerError).outcome == misconfigured:
		h.Condition, h.Note, h.Err = domain.Degraded, "The brokers refuse this service; commands are refused", p.answerError
	case p.answerError != nil:
		h.Condition, h.Note, h.Err = domain.Degraded, "No broker answers; commands are refused", p.answerError
	case p.publishError != nil && classifyError(p.publishError).outcome == misconfigured && since < misconfiguredTTL:
		h.Condition, h.Note, h.Err = domain.Degraded, "Kafka refuses commands: its topic, rights or settings need an operator", p.publishError
	case p.publishError != nil && since < failureTTL:
		h.Condition, h.Note, h.Err = domain.Degraded, "The last command could not be published", p.publishError
	}
	return h
}
