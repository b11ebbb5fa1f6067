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

// The limits of saying goodbye.
const (
	// closeWriteTimeout bounds the writing of a close frame.
	closeWriteTimeout = time.Second
	// flushTimeout bounds how long queued messages may delay a close.
	flushTimeout = 5 * time.Second
)

// session is one connection of a user, from its reservation to its end.
type session struct {
	manager     *Manager
	caller      domain.Caller
	id          string // names the place in the quota
	correlation string
	sessions    *app.Sessions
	tokens      ports.TokenValidator
	history     *app.History
	createdAt   time.Time
	queue       sendQueue
	conn        sessionConn
	// peer is set by attach, before anything is written.
	peer          atomic.Pointer[melody.Session]
	accepted      time.Time // set by attach; zero: there never was a socket
	closeTimedOut bool      // the reader ended because the time for the closing did

	// closeReason is why the session ends: the first reason counts.
	closeReason   atomic.Pointer[Close]
	closeTried    atomic.Bool // our close frame was tried
	closeReceived atomic.Bool // the peer's close frame came
	admitted      atomic.Bool // place and subscription are held
	released      atomic.Bool // and were given back
}

// run is the life of the session after its handshake was accepted; it returns
// when the socket is closed and nothing is owed any more.
func (s *session) run(t *hijackedConn) {
	defer s.manager.admission.leave()
	s.serve(t)
	s.finish()
}

func (s *session) serve(t *hijackedConn) {
	defer s.recoverPanic()
	// Returns when reading has ended. Its error says that the 101 could not be
	// written; then nothing was attached.
	_ = s.manager.engine.HandleRequest(t, t.request)
}

// recoverPanic, deferred, ends this session in place of the process.
func (s *session) recoverPanic() {
	cause := recover()
	if cause == nil {
		return
	}
	defer func() {
		if recover() != nil { // what panicked may be what is needed to end well
			_ = s.conn.closeSocket()
		}
	}()
	s.manager.log.Error("session panicked", slog.Any("panic", cause), slog.String("correlation_id", s.correlation))
	s.abort(InternalError.Close())
}

// attach gives the mailbox its socket. melody calls it before its writer runs:
// an errand waits in melody's one slot.
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

// enqueue puts a letter into the mailbox and reports whether it is on its way.
func (s *session) enqueue(l outboundMessage) bool {
	what, next := s.queue.put(l, &s.manager.config)
	return s.handlePut(l, what, next)
}

func (s *session) handlePut(l outboundMessage, what putResult, next nextStep) bool {
	if what == overflowed {
		s.abortSlow(l)
	}
	s.perform(next)
	return what == accepted
}

// abortSlow gives up on a slow client, without waiting for it.
func (s *session) abortSlow(l outboundMessage) {
	if l.isDelivery() {
		s.countFailed(1, domain.SlowConsumer)
	}
	s.setReason(SlowConsumer.Close())
	s.countFailed(s.queue.discard(), domain.SlowConsumer)
	if s.peer.Load() != nil { // else attach finds the mailbox sealed and says it
		go s.abort(SlowConsumer.Close())
	}
}

// messageSent goes on when melody's writer has done its errand.
func (s *session) messageSent() { s.perform(s.recordSent()) }

// recordSent enters the letter that is out into the books and says what is next.
func (s *session) recordSent() nextStep {
	l, known, next := s.queue.complete()
	switch {
	case !known:
	case l.isDelivery():
		s.manager.observer.Observe(domain.MessageSent{Bytes: len(l.payload), Took: time.Since(l.received)})
		s.manager.spans.recordDelivery(s, l)
	case l.isKept():
		s.manager.observer.Observe(domain.MessageReplayed{Bytes: len(l.payload)})
	}
	return next
}

// perform sends letters until the socket takes no more, which the writer then
// waits for; says the close that waited for the last one; or has the log read.
// It never waits.
func (s *session) perform(next nextStep) {
	for next.write {
		out, errand := s.conn.writer.trySend(next.message.payload)
		if !out {
			_ = s.peer.Load().Write(errand) // a dead peer's letters are counted at its end
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

// close ends the session for the reason, after what is queued.
func (s *session) close(c Close) {
	if !s.setReason(c) {
		return
	}
	rest := s.queue.close()
	s.conn.setCloseDeadline(time.Now().Add(flushTimeout))
	s.perform(rest)
}

// abort ends the session for the reason at once. A peer that cannot even be sent
// the close frame is dropped; the others may still answer it.
func (s *session) abort(c Close) {
	s.setReason(c)
	s.queue.close()
	if !s.sendClose() {
		_ = s.conn.closeSocket()
	}
}

// setReason keeps the first reason for the end and reports whether it is this one.
func (s *session) setReason(c Close) bool {
	if !s.closeReason.CompareAndSwap(nil, &c) {
		return false
	}
	if c.Status != noCloseFrame {
		s.manager.observer.Observe(domain.CloseSeen{Code: int(c.Status)})
	}
	return true
}

// sendClose sends the close frame once. The user's place is free before the client
// learns that it may come back. It reports whether the frame is out, or somebody
// else is at it.
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

// handleClose echoes the peer's close without a reason, or takes it as the answer
// to ours.
func (s *session) handleClose(status Status) {
	s.closeReceived.Store(true)
	s.setReason(Close{Status: status})
	s.queue.close()
	s.sendClose()
}

// handleError judges an error of melody: of reading, which ends the session when
// this returns, or of writing, which leaves the rest to the reader.
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
		// The library has sent the close, but not where the sum of the fragments'
		// lengths overflows. A second close frame is never written.
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
		return // whoever sent or got a close has said why; finish says that nobody did
	default:
		s.noteLibraryClose(ProtocolError)
		return
	}
	s.queue.close()
	s.sendClose()
}

// noteLibraryClose notes a close that gorilla has sent by itself.
func (s *session) noteLibraryClose(status Status) {
	s.setReason(Close{Status: status})
	s.closeTried.Store(true)
	s.queue.close()
}

// release gives back what admission took.
func (s *session) release() {
	if s.admitted.Load() && s.released.CompareAndSwap(false, true) {
		s.manager.registry.remove(s)
		s.sessions.Dismiss(s.caller, s.id)
	}
}

// sendPing asks the peer for a sign of life. A peer whose socket takes nothing is
// not pinged; its pong will be missed.
func (s *session) sendPing() {
	s.queue.expireReplay(time.Now())
	if s.conn.writer.tryPing() {
		return
	}
	if peer := s.peer.Load(); peer != nil {
		_ = peer.WebsocketConnection().WriteControl(websocket.PingMessage, nil, time.Now().Add(closeWriteTimeout))
	}
}

func (s *session) countFailed(n int, why domain.FailureReason) {
	for range n {
		s.manager.observer.Observe(domain.MessageFailed{Reason: why})
	}
}

// finish closes the socket and the books.
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
	s.manager.observer.Observe(domain.ConnectionEnded{Lasted: time.Since(s.accepted)})
	end := s.closeReason.Load()
	s.manager.log.Info("connection ended",
		slog.Int("close_code", int(end.Status)), slog.String("error_code", string(end.Code)),
		slog.Float64("lasted_seconds", time.Since(s.accepted).Seconds()),
		slog.String("user_id", string(s.caller.User)), slog.String("correlation_id", s.correlation))
}
