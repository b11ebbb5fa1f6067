package websocket

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

// traceLookupTimeout bounds one read of a log.
const traceLookupTimeout = time.Second

// traceResolver finds the traces to which deliveries of kept notifications belong.
// Its goroutine runs only while there is work, and is counted by admission. When the
// log cannot be read, spans are lost, never messages.
type traceResolver struct {
	mu      sync.Mutex
	queue   []traceLookup
	running bool
}

// traceLookup is a delivery whose trace is not known yet.
type traceLookup struct {
	session *session
	at      domain.Position
	delivery
}

// submit queues a delivery. It does not block; while the queue is full it drops
// deliveries.
func (s *traceResolver) submit(to *session, at domain.Position, d delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) >= maxForwardSpans {
		return
	}
	s.queue = append(s.queue, traceLookup{to, at, d})
	if !s.running {
		s.running = true
		to.manager.admission.addWork()
		go s.run(to.manager)
	}
}

// run resolves deliveries until the queue is empty.
func (s *traceResolver) run(m *Manager) {
	defer m.admission.workDone()
	for batch := s.takeAll(); len(batch) > 0; batch = s.takeAll() {
		for _, one := range batch {
			if m.resolveTrace(one) != nil {
				break
			}
		}
	}
}

// takeAll returns all queued deliveries. An empty result ends the goroutine.
func (s *traceResolver) takeAll() []traceLookup {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.queue
	s.queue = nil
	s.running = len(batch) > 0
	return batch
}

// resolveTrace writes the span of one delivery if the trace of its notification is
// recorded.
func (m *Manager) resolveTrace(one traceLookup) error {
	defer one.session.recoverPanic()
	ctx, cancel := context.WithTimeout(context.Background(), traceLookupTimeout)
	defer cancel()
	within, err := one.session.history.Origin(ctx, one.user, one.at)
	if err != nil {
		return err
	}
	if trace.SpanContextFromContext(within).IsValid() {
		m.spans.writeDelivery(within, one.delivery)
	}
	return nil
}
