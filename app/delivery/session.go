package delivery

import (
	"log/slog"
	"sync/atomic"
	"time"
	"unique"

	"github.com/huleedu/edge/domain"
)

// Session is one connection of a user, from its registration during the handshake to
// its end. Hub.Open creates it. Its methods are safe for concurrent use.
type Session struct {
	// User is the receiver of the messages, and Correlation the correlation id of the
	// handshake. They must not be changed.
	User        domain.UserID
	Correlation string

	hub        *Hub
	conn       Connection
	id         string // identifies the lease in the quota
	createdAt  time.Time
	origin     unique.Handle[string] // of the page; sessions of one page share the text
	queue      sendQueue
	acceptedAt time.Time // set by Attach; zero: the handshake did not complete
	attached   atomic.Bool
	held       atomic.Bool           // the session holds a lease and a subscription
	reason     atomic.Pointer[error] // why the session ends; the first reason wins
}

// Reason returns why the session ends; nil while it does not.
func (s *Session) Reason() error {
	if reason := s.reason.Load(); reason != nil {
		return *reason
	}
	return nil
}

// Attach starts the sending: the client's handshake is complete. It is called once.
func (s *Session) Attach() {
	s.acceptedAt = time.Now()
	s.attached.Store(true)
	s.hub.parts.Observer.Observe(domain.ConnectionAccepted{Transport: s.hub.parts.Transport})
	s.perform(s.queue.attach())
}

// Reply queues an answer of the transport, which is not counted as a delivery.
func (s *Session) Reply(payload []byte) { s.enqueue(outboundMessage{payload: payload}) }

// Sent continues when the connection has written the message for which TrySend
// returned false.
func (s *Session) Sent() { s.perform(s.recordSent()) }

// Tick frees what is needed only for a while after a replay. The transport calls it
// about twice a minute.
func (s *Session) Tick() { s.queue.expireReplay(time.Now()) }

// Close ends the session for the reason, after the queued messages are sent.
func (s *Session) Close(reason error) {
	if s.setReason(reason) {
		s.perform(s.queue.close())
	}
}

// Abort ends the session for the reason without sending the queued messages. It
// blocks while the connection tells the client the reason. A client to which it
// cannot be sent is disconnected at once.
func (s *Session) Abort(reason error) {
	s.Stop(reason)
	if s.attached.Load() && !s.conn.Close(s.Reason()) { // before Attach the queue is closed only
		s.conn.Abort()
	}
}

// Stop ends the session for the reason, like Abort, but leaves it to the caller to
// tell the client. The lease is free when it returns, so that a client that
// reconnects at once finds it.
func (s *Session) Stop(reason error) {
	s.setReason(reason)
	s.queue.close()
	s.release()
}

// End releases what the session holds and counts the messages that were not sent. It
// is called once, after Stop, when the connection has ended. It returns how long the
// connection lasted; accepted is false when Attach was not called.
func (s *Session) End() (lasted time.Duration, accepted bool) {
	defer s.hub.registry.forget(s)
	s.release()
	s.countFailed(s.queue.discard(), domain.WriteFailed)
	if s.acceptedAt.IsZero() {
		s.hub.parts.Observer.Observe(domain.ConnectionRejected{Transport: s.hub.parts.Transport})
		return 0, false
	}
	lasted = time.Since(s.acceptedAt)
	s.hub.parts.Observer.Observe(domain.ConnectionEnded{Transport: s.hub.parts.Transport, Duration: lasted})
	return lasted, true
}

// Dismiss undoes Open for a handshake that cannot be completed.
func (s *Session) Dismiss() {
	s.release()
	s.hub.registry.forget(s)
}

// Recover ends, as a deferred function, this session instead of the process when the deferring
// function panics.
func (s *Session) Recover() {
	cause := recover()
	if cause == nil {
		return
	}
	defer func() {
		if recover() != nil && s.attached.Load() { // the close may need what has panicked
			s.conn.Abort()
		}
	}()
	s.hub.parts.Log.Error("session panicked", slog.Any("panic", cause), slog.String("correlation_id", s.Correlation))
	s.Abort(domain.Unknown(nil))
}

// enqueue adds a message to the queue and reports whether it will be sent.
func (s *Session) enqueue(m outboundMessage) bool {
	result, next := s.queue.put(m, &s.hub.config)
	return s.handlePut(m, result, next)
}

// handlePut acts on the outcome of adding a message and reports whether it will be
// sent.
func (s *Session) handlePut(m outboundMessage, result putResult, next nextStep) bool {
	if result == overflowed {
		s.abortSlow(m)
	}
	s.perform(next)
	return result == accepted
}

// abortSlow ends the session of a client that reads too slowly. It does not block.
func (s *Session) abortSlow(m outboundMessage) {
	if m.isDelivery() {
		s.countFailed(1, domain.SlowConsumer)
	}
	s.setReason(ErrSlowConsumer)
	s.countFailed(s.queue.discard(), domain.SlowConsumer)
	if s.attached.Load() { // otherwise Attach finds the queue closed
		go s.abortInBackground(ErrSlowConsumer)
	}
}

// abortInBackground is Abort for a goroutine of its own.
func (s *Session) abortInBackground(reason error) {
	defer s.Recover()
	s.Abort(reason)
}

// perform carries out the step: it sends messages until the connection takes no more;
// or it closes the connection after the last message; or it has a page of the log
// read. It does not block.
func (s *Session) perform(next nextStep) {
	for next.write {
		if !s.conn.TrySend(next.message.frame()) {
			return
		}
		next = s.recordSent()
	}
	switch {
	case next.finished:
		go s.finishClose()
	case next.loadPage:
		s.hub.replays.submit(s.readPage)
	}
}

// recordSent observes that the current message is sent and returns the next step.
func (s *Session) recordSent() nextStep {
	m, known, next := s.queue.complete()
	switch {
	case !known:
	case m.isDelivery():
		s.hub.parts.Observer.Observe(domain.MessageSent{Bytes: len(m.payload), Latency: time.Since(m.received)})
		s.traceDelivery(m)
	case m.isKept():
		s.hub.parts.Observer.Observe(domain.MessageReplayed{Bytes: len(m.payload)})
	}
	return next
}

// finishClose closes the connection when no message is to follow.
func (s *Session) finishClose() {
	defer s.Recover()
	s.release()
	if reason := s.Reason(); reason != nil { // otherwise abortSlow is about to set it
		s.conn.Close(reason)
	}
}

// setReason stores the reason of the end. It returns false when there is one
// already.
func (s *Session) setReason(reason error) bool {
	if !s.reason.CompareAndSwap(nil, &reason) {
		return false
	}
	s.conn.Closing(reason)
	return true
}

// release gives back, once, the lease and the subscription.
func (s *Session) release() {
	if s.held.CompareAndSwap(true, false) {
		s.hub.registry.remove(s)
		s.hub.releaseUser(s.User, s.id)
	}
}

// countFailed observes messages that could not be delivered.
func (s *Session) countFailed(n int, why domain.FailureReason) {
	for range n {
		s.hub.parts.Observer.Observe(domain.MessageFailed{Reason: why})
	}
}
