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
	// firstWait is how long a health answer waits for the brokers' first, so that
	// a process that has just started does not call a Kafka that is there away.
	firstWait = time.Second
)

// pulse is how a publisher does, as its health answers tell: whether brokers
// answer, and whether what is published arrives.
type pulse struct {
	dialer  *kafkago.Dialer
	brokers []string
	// known is closed once it is known whether brokers answer.
	known chan struct{}
	first sync.Once

	mu      sync.Mutex
	answers error
	publish error
	failed  time.Time
}

func newPulse(d *kafkago.Dialer, brokers []string) *pulse {
	return &pulse{dialer: d, brokers: brokers, known: make(chan struct{})}
}

// run asks the brokers until ctx is done, over one connection that is kept
// while it answers. The producer's own cannot tell: they keep an old layout
// through an outage.
func (p *pulse) run(ctx context.Context) {
	var conn *kafkago.Conn
	defer func() { hangUp(conn) }()
	tick := time.NewTicker(askPause)
	defer tick.Stop()
	for {
		var err error
		conn, err = p.ask(ctx, conn)
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

// ask wants an answer of the broker at the other end of conn, or else of any
// broker; it returns the connection to it.
func (p *pulse) ask(ctx context.Context, conn *kafkago.Conn) (*kafkago.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	if conn != nil {
		if answers(ctx, conn) == nil {
			return conn, nil
		}
		hangUp(conn)
	}
	var all []error
	for _, address := range p.brokers {
		conn, err := p.dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			if err = answers(ctx, conn); err == nil {
				return conn, nil
			}
			hangUp(conn)
		}
		all = append(all, err)
	}
	return nil, errors.Join(all...)
}

// answers asks for the brokers alone, which is the smallest metadata.
func answers(ctx context.Context, conn *kafkago.Conn) error {
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if deadline, bounded := ctx.Deadline(); bounded {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	_, err := conn.Brokers()
	return err
}

func hangUp(conn *kafkago.Conn) {
	if conn != nil {
		_ = conn.Close() // nothing was under way that could be lost
	}
}

// published notes what became of a command. A caller who left says nothing
// about Kafka.
func (p *pulse) published(err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, errClosed) {
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
	switch {
	case p.answers != nil:
		h.Condition, h.Note, h.Err = domain.Degraded, "No broker answers; commands are refused", p.answers
	case p.publish != nil && time.Since(p.failed) < failureLife:
		h.Condition, h.Note, h.Err = domain.Degraded, "The last command could not be published", p.publish
	}
	return h
}
