package websocket

import (
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/olahol/melody"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// The time limits of a close.
const (
	// closeWriteTimeout bounds the writing of a close frame.
	closeWriteTimeout = time.Second
	// flushTimeout bounds how long queued messages may delay a close.
	flushTimeout = 5 * time.Second
)

// session is one connection of a user, from its reservation during the handshake to
// its end.
type session struct {
	manager     *Manager
	caller      domain.Caller
	id          string // identifies the lease in the quota
	correlation string
	sessions    *app.Sessions
	tokens      ports.TokenValidator
	history     *app.History
	createdAt   time.Time
	queue       sendQueue
	conn        sessionConn
	// peer is set by attach, before anything is written.
	peer          atomic.Pointer[melody.Session]
	accepted      time.Time // set by attach; zero: the upgrade did not complete
	closeTimedOut bool      // the peer did not answer the close frame in time

	// closeReason is why the session ends. The first reason wins.
	closeReason   atomic.Pointer[Close]
	closeTried    atomic.Bool // sending our close frame was tried
	closeReceived atomic.Bool // the peer's close frame arrived
	admitted      atomic.Bool // lease and subscription are held
	released      atomic.Bool // lease and subscription were given back
}

// run serves the connection. It returns when the socket is closed and all resources
// are released.
func (s *session) run(t *hijackedConn) {
	defer s.manager.admission.leave()
	s.serve(t)
	s.finish()
}

func (s *session) serve(t *hijackedConn) {
	defer s.recoverPanic()
	// Returns when reading has ended. An error means that the 101 could not be
	// written and attach was not called.
	_ = s.manager.engine.HandleRequest(t, t.request)
}

// recoverPanic, deferred, ends this session instead of the process.
func (s *session) recoverPanic() {
	cause := recover()
	if cause == nil {
		return
	}
	defer func() {
		if recover() != nil { // the close may need what has panicked
			_ = s.conn.closeSocket()
		}
	}()
	s.manager.log.Error("session panicked", slog.Any("panic", cause), slog.String("correlation_id", s.correlation))
	s.abort(InternalError.Close())
}

// attach connects the queue with the socket. melody calls it before its writer runs;
// until then a flush request waits in the one slot of melody's queue.
func (s *session) attach(ms *melody.Session) {
	if !s.manager.config.Compression {
		s.conn.writer.enable(s.conn.Conn, s.manager.buffers)
	}
	ms.Request = nil
	s.accepted = time.Now()
	s.peer.Store(ms)
	s.manager.observer.Observe(domain.ConnectionAccepted{})
	s.perform(s.queue.attach())
}

// enqueue adds a message to the queue and reports whether it will be sent.
func (s *session) enqueue(l outboundMessage) bool {
	what, next := s.queue.put(l, &s.manager.config)
	return s.handlePut(l, what, next)
}

// handlePut acts on the outcome of adding a message and reports whether it will be
// sent.
func (s *session) handlePut(l outboundMessage, what putResult, next nextStep) bool {
	if what == overflowed {
		s.abortSlow(l)
	}
	s.perform(next)
	return what == accepted
}

// abortSlow ends the session of a client that reads too slowly. It does not block.
func (s *session) abortSlow(l outboundMessage) {
	if l.isDelivery() {
		s.countFailed(1, domain.SlowConsumer)
	}
	s.setReason(SlowConsumer.Close())
	s.countFailed(s.queue.discard(), domain.SlowConsumer)
	if s.peer.Load() != nil { // otherwise attach finds the queue closed and sends the close frame
		go s.abort(SlowConsumer.Close())
	}
}

// messageSent continues when melody's writer has completed a flush request.
func (s *session) messageSent() { s.perform(s.recordSent()) }

// recordSent observes that the current message is sent and returns the next step.
func (s *session) recordSent() nextStep {
	l, known, next := s.queue.complete()
	switch {
	case !known:
	case l.isDelivery():
		s.manager.observer.Observe(domain.MessageSent{Bytes: len(l.payload), Latency: time.Since(l.received)})
		s.manager.spans.recordDelivery(s, l)
	case l.isKept():
		s.manager.observer.Observe(domain.MessageReplayed{Bytes: len(l.payload)})
	}
	return next
}

// perform carries out the step: it writes messages until the socket accepts no more,
// which melody's writer then waits for; or it sends the close frame that had to
// follow the last message; or it has a page of the log read. It does not block.
func (s *session) perform(next nextStep) {
	for next.write {
		out, flush := s.conn.writer.trySend(next.message.payload)
		if !out {
			_ = s.peer.Load().Write(flush) // messages of a closed connection are counted at its end
			return
		}
		next = s.recordSent()
	}
	switch {
	case next.finished:
		go s.sendClose()
	case next.loadPage:
		s.manager.replayWorkers.submit(s)
	}
}

// close ends the session for the reason, after the queued messages are sent.
func (s *session) close(c Close) {
	if !s.setReason(c) {
		return
	}
	rest := s.queue.close()
	s.conn.setCloseDeadline(time.Now().Add(flushTimeout))
	s.perform(rest)
}

// abort ends the session for the reason without sending the queued messages. The
// socket is closed at once when the close frame cannot be written; otherwise the
// peer may still answer it.
func (s *session) abort(c Close) {
	s.setReason(c)
	s.queue.close()
	if !s.sendClose() {
		_ = s.conn.closeSocket()
	}
}

// setReason stores the reason of the end. It returns false when there is one
// already.
func (s *session) setReason(c Close) bool {
	if !s.closeReason.CompareAndSwap(nil, &c) {
		return false
	}
	if c.Status != noCloseFrame {
		s.manager.observer.Observe(domain.CloseCodeObserved{Code: int(c.Status)})
	}
	return true
}

// sendClose sends the close frame once. It releases the user's lease first, so that
// a client that reconnects at once finds it free. It returns true when the frame is
// sent, or another goroutine sends it.
func (s *session) sendClose() bool {
	s.release()
	c, peer := s.closeReason.Load(), s.peer.Load()
	if c == nil || peer == nil {
		return false
	}
	if !s.closeTried.CompareAndSwap(false, true) {
		return true
	}
	conn := peer.WebsocketConnection()
	err := conn.WriteControl(websocket.CloseMessage, c.payload(s.correlation), time.Now().Add(closeWriteTimeout))
	s.conn.setCloseDeadline(time.Now().Add(closeAnswerTimeout))
	return err == nil
}

// handleClose handles the peer's close frame: it echoes the status without a reason,
// or takes the frame as the answer to ours.
func (s *session) handleClose(status Status) {
	s.closeReceived.Store(true)
	s.setReason(Close{Status: status})
	s.queue.close()
	s.sendClose()
}

// handleError handles an error of melody's. A read error ends the session when this
// returns; a write error leaves that to the reader.
func (s *session) handleError(err error) {
	var network net.Error
	var closed *websocket.CloseError
	switch {
	case errors.Is(err, errPeerTimeout):
		s.setReason(PeerTimeout.Close())
	case errors.Is(err, errTokenExpired):
		s.setReason(Unauthenticated.Close())
	case errors.Is(err, errRateLimit):
		s.setReason(rateLimited())
	case errors.Is(err, websocket.ErrReadLimit):
		// The library has sent the close frame, except when the sum of the
		// fragments' lengths overflows. It never writes a second one.
		s.setReason(MessageTooBig.Close())
	case errors.Is(err, errCloseTimeout):
		s.closeTimedOut = true
	case errors.Is(err, errInvalidFrame):
		s.setReason(ProtocolError.Close())
	case errors.Is(err, errInvalidReason):
		s.setReason(InvalidUTF8.Close())
	case errors.Is(err, errMessageTooBig):
		s.setReason(MessageTooBig.Close())
	case errors.As(err, &closed), errors.As(err, &network), errors.Is(err, net.ErrClosed),
		errors.Is(err, websocket.ErrCloseSent), errors.Is(err, melody.ErrWriteClosed):
		return // the reason is set where a close frame was sent or received; finish sets it otherwise
	default:
		s.noteLibraryClose(ProtocolError)
		return
	}
	s.queue.close()
	s.sendClose()
}

// noteLibraryClose records a close frame that gorilla has sent itself.
func (s *session) noteLibraryClose(status Status) {
	s.setReason(Close{Status: status})
	s.closeTried.Store(true)
	s.queue.close()
}

// release gives back, once, the lease and the subscription.
func (s *session) release() {
	if s.admitted.Load() && s.released.CompareAndSwap(false, true) {
		s.manager.registry.remove(s)
		s.sessions.Dismiss(s.caller, s.id)
	}
}

// sendPing sends a ping. A peer whose socket accepts no data gets none, and is
// closed when its pong is overdue.
func (s *session) sendPing() {
	s.queue.expireReplay(time.Now())
	if s.conn.writer.tryPing() {
		return
	}
	if peer := s.peer.Load(); peer != nil {
		_ = peer.WebsocketConnection().WriteControl(websocket.PingMessage, nil, time.Now().Add(closeWriteTimeout))
	}
}

// countFailed observes messages that could not be delivered.
func (s *session) countFailed(n int, why domain.FailureReason) {
	for range n {
		s.manager.observer.Observe(domain.MessageFailed{Reason: why})
	}
}

// finish releases the resources, closes the socket and logs the end.
func (s *session) finish() {
	defer s.recoverPanic()
	defer func() { _ = s.conn.closeSocket() }()
	s.setReason(Close{Status: noCloseFrame})
	s.release()
	s.countFailed(s.queue.discard(), domain.WriteFailed)
	if s.closeTried.Load() && !s.closeReceived.Load() && !s.closeTimedOut {
		s.conn.discardInput()
	}
	_ = s.conn.closeSocket()
	if s.accepted.IsZero() {
		s.manager.observer.Observe(domain.ConnectionRejected{})
		return
	}
	s.manager.observer.Observe(domain.ConnectionEnded{Duration: time.Since(s.accepted)})
	end := s.closeReason.Load()
	s.manager.log.Info("connection ended",
		slog.Int("close_code", int(end.Status)), slog.String("error_code", string(end.Code)),
		slog.Float64("lasted_seconds", time.Since(s.accepted).Seconds()),
		slog.String("user_id", string(s.caller.User)), slog.String("correlation_id", s.correlation))
}
