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
	// askPause is how often the brokers are asked whether they answer.
	askPause = 5 * time.Second
	// askLimit bounds one such question, a new connection included.
	askLimit = 3 * time.Second
	// failureLife is how long a failed publish counts that no later one has put
	// right.
	failureLife = 30 * time.Second
	// misconfiguredLife is the same for a refusal of topic, rights or settings,
	// which lasts until an operator changes them.
	misconfiguredLife = 10 * time.Minute
	// firstWait is how long a health answer waits for the brokers' first, so that
	// a process that has just started does not call a Kafka that is there away.
	firstWait = time.Second
)

// pulse is how a publisher does, as its health answers tell: whether brokers
// answer, and whether what is published arrives.
type pulse struct {
	// brokers are asked by run alone.
	brokers *contact
	// known is closed once it is known whether brokers answer.
	known chan struct{}
	first sync.Once

	mu      sync.Mutex
	answers error
	publish error
	failed  time.Time
}

func newPulse(d *kafkago.Dialer, brokers []string) *pulse {
	return &pulse{brokers: newContact(d, brokers), known: make(chan struct{})}
}

// run asks the brokers until ctx is done, over one connection that is kept
// while it answers. The producer's own cannot tell: they keep an old layout
// through an outage.
func (p *pulse) run(ctx context.Context) {
	defer p.brokers.hangUp()
	tick := time.NewTicker(askPause)
	defer tick.Stop()
	for {
		err := p.ask(ctx)
		if ctx.Err() != nil {
			return
		}
		p.heard(err)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// heard notes what came of asking.
func (p *pulse) heard(err error) {
	p.mu.Lock()
	p.answers = err
	p.mu.Unlock()
	p.first.Do(func() { close(p.known) })
}

// ask wants an answer of any broker.
func (p *pulse) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	return p.brokers.ask(ctx, func(conn *kafkago.Conn) error {
		_, err := conn.Brokers() // alone, which is the smallest metadata
		return err
	})
}

// published notes what became of a command. A caller who left says nothing
// about Kafka, and neither does a record that the broker rejects for what it is.
func (p *pulse) published(err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, errClosed) {
		return
	}
	if why := refusalOf(err).outcome; err != nil && (why == recordTooLarge || why == recordInvalid) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.publish, p.failed = err, time.Now()
}

// waited reports whether it is known how the brokers do. It waits for that no
// longer than ctx and firstWait.
func (p *pulse) waited(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, firstWait)
	defer cancel()
	select {
	case <-p.known:
		return true
	case <-ctx.Done():
		return false
	}
}

// health puts the state in public words.
func (p *pulse) health(ctx context.Context) domain.Health {
	h := domain.Health{Name: "kafka", Condition: domain.Healthy}
	if !p.waited(ctx) {
		h.Condition, h.Note = domain.Degraded, "No answer yet"
		return h
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	since := time.Since(p.failed)
	switch {
	case p.answers != nil && refusalOf(p.answers).outcome == misconfigured:
		h.Condition, h.Note, h.Err = domain.Degraded, "The brokers refuse this service; commands are refused", p.answers
	case p.answers != nil:
		h.Condition, h.Note, h.Err = domain.Degraded, "No broker answers; commands are refused", p.answers
	case p.publish != nil && refusalOf(p.publish).outcome == misconfigured && since < misconfiguredLife:
		h.Condition, h.Note, h.Err = domain.Degraded, "Kafka refuses commands: its topic, rights or settings need an operator", p.publish
	case p.publish != nil && since < failureLife:
		h.Condition, h.Note, h.Err = domain.Degraded, "The last command could not be published", p.publish
	}
	return h
}
