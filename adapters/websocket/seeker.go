package websocket

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

// seekLimit bounds one look into a log.
const seekLimit = time.Second

// seeker finds the traces that deliveries of kept notifications belong to. Its
// one goroutine is there only while there is work; the gate counts it. A log
// that fails costs spans and never a message.
type seeker struct {
	mu    sync.Mutex
	queue []sought
	busy  bool
}

// sought is a delivery whose trace is not known yet.
type sought struct {
	to *session
	at domain.Position
	delivery
}

// seek never blocks; beyond a second's worth of deliveries it forgets.
func (s *seeker) seek(to *session, at domain.Position, d delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) >= maxForwardSpans {
		return
	}
	s.queue = append(s.queue, sought{to, at, d})
	if !s.busy {
		s.busy = true
		to.manager.gate.also()
		go s.work(to.manager)
	}
}

func (s *seeker) work(m *Manager) {
	defer m.gate.done()
	for batch := s.take(); len(batch) > 0; batch = s.take() {
		for _, one := range batch {
			if m.trace(one) != nil {
				break
			}
		}
	}
}

// take hands out all there is; nothing ends the work.
func (s *seeker) take() []sought {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.queue
	s.queue = nil
	s.busy = len(batch) > 0
	return batch
}

// trace writes the span of one delivery if its notification's trace is
// recorded.
func (m *Manager) trace(one sought) error {
	defer one.to.survive()
	ctx, cancel := context.WithTimeout(context.Background(), seekLimit)
	defer cancel()
	within, err := one.to.history.Origin(ctx, one.user, one.at)
	if err != nil {
		return err
	}
	if trace.SpanContextFromContext(within).IsValid() {
		m.spans.deliver(within, one.delivery)
	}
	return nil
}
