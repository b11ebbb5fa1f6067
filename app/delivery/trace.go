package delivery

import (
	"context"
	"time"

	"github.com/huleedu/edge/domain"
)

// traceLookupTimeout bounds one read of a log, and how long a delivery may wait for
// that read.
const traceLookupTimeout = time.Second

// Tracer records deliveries as spans. It is safe for concurrent use and does not
// block.
type Tracer interface {
	// Sample reports whether a delivery that ends now is to be recorded.
	Sample(now time.Time) bool
	// Record records the delivery in the trace of ctx, or in a new trace.
	Record(ctx context.Context, d Delivery)
}

// Delivery is a message that was written to a connection.
type Delivery struct {
	User  domain.UserID
	Bytes int
	// Received is when this process received the message, Written when the connection
	// had written it.
	Received, Written time.Time
}

// traceDelivery records a delivery that is complete. A kept notification belongs to
// the trace in which it was published, which the log knows; a direct message has no
// trace and starts one.
func (s *Session) traceDelivery(m outboundMessage) {
	tracer := s.hub.parts.Tracer
	if tracer == nil {
		return
	}
	now := time.Now()
	if !tracer.Sample(now) {
		return
	}
	d := Delivery{User: s.User, Bytes: len(m.payload), Received: m.received, Written: now}
	if !m.isKept() {
		tracer.Record(context.Background(), d)
		return
	}
	s.hub.lookups.submit(func() { s.traceKept(m.id.position(), d) })
}

// traceKept records the delivery of the notification at the position if the trace of
// its publication is recorded. While the log is slow or cannot be read, spans are
// lost.
func (s *Session) traceKept(at domain.Position, d Delivery) {
	defer s.Recover()
	if time.Since(d.Written) > traceLookupTimeout {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), traceLookupTimeout)
	defer cancel()
	within, err := s.hub.parts.History.Origin(ctx, d.User, at)
	if err == nil && within != ctx {
		s.hub.parts.Tracer.Record(within, d)
	}
}
