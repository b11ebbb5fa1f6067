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
)

var errNotAsked = errors.New("not asked yet")

// pulse is how a publisher does, as its health answers tell: whether brokers
// answer, and whether what is published arrives.
type pulse struct {
	dialer  *kafkago.Dialer
	brokers []string

	mu      sync.Mutex
	answers error
	publish error
	failed  time.Time
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
		p.mu.Lock()
		p.answers = err
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
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

// health puts the state in public words.
func (p *pulse) health(now time.Time) domain.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := domain.Health{Name: "kafka", Condition: domain.Healthy}
	switch {
	case errors.Is(p.answers, errNotAsked):
		h.Condition, h.Note = domain.Degraded, "Not asked yet"
	case p.answers != nil:
		h.Condition, h.Note, h.Err = domain.Degraded, "No broker answers; commands are refused", p.answers
	case p.publish != nil && now.Sub(p.failed) < failureLife:
		h.Condition, h.Note, h.Err = domain.Degraded, "The last command could not be published", p.publish
	}
	return h
}
