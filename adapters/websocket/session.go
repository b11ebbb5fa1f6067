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
	// sayLimit bounds the writing of a close frame.
	sayLimit = time.Second
	// flushLimit bounds how long queued messages may delay a close.
	flushLimit = 5 * time.Second
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
	born        time.Time
	box         mailbox
	link        link
	// peer is set by attach, before anything is written.
	peer     atomic.Pointer[melody.Session]
	accepted time.Time // set by attach; zero: there never was a socket
	waited   bool      // the reader ended because the time for the closing did

	// ending is why the session ends: the first reason counts.
	ending   atomic.Pointer[Close]
	told     atomic.Bool // our close frame was tried
	answered atomic.Bool // the peer's close frame came
	admitted atomic.Bool // place and subscription are held
	freed    atomic.Bool // and were given back
}

// run is the life of the session after its handshake was accepted; it returns
// when the socket is closed and nothing is owed any more.
func (s *session) run(t *takeover) {
	defer s.manager.gate.leave()
	s.serve(t)
	s.finish()
}

func (s *session) serve(t *takeover) {
	defer s.survive()
	// Returns when reading has ended. Its error says that the 101 could not be
	// written; then nothing was attached.
	_ = s.manager.engine.HandleRequest(t, t.request)
}

// survive, deferred, ends this session in place of the process.
func (s *session) survive() {
	cause := recover()
	if cause == nil {
		return
	}
	defer func() {
		if recover() != nil { // what panicked may be what is needed to end well
			_ = s.link.kill()
		}
	}()
	s.manager.log.Error("session panicked", slog.Any("panic", cause), slog.String("correlation_id", s.correlation))
	s.cut(Broken.Close())
}

// attach gives the mailbox its socket. melody calls it before its writer runs:
// an errand waits in melody's one slot.
func (s *session) attach(ms *melody.Session) {
	if !s.manager.config.Compression {
		s.link.out.direct(s.link.Conn, s.manager.pens)
	}
	ms.Request = nil
	s.accepted = time.Now()
	s.peer.Store(ms)
	s.manager.observer.Observe(domain.ConnectionAccepted{})
	s.proceed(s.box.attach())
}

// post puts a letter into the mailbox and reports whether it is on its way.
func (s *session) post(l letter) bool {
	what, next := s.box.put(l, &s.manager.config)
	return s.posted(l, what, next)
}

func (s *session) posted(l letter, what receipt, next turn) bool {
	if what == overflowed {
		s.overflow(l)
	}
	s.proceed(next)
	return what == accepted
}

// overflow gives up on a slow client, without waiting for it.
func (s *session) overflow(l letter) {
	if l.counts() {
		s.lose(1, domain.SlowConsumer)
	}
	s.decide(TooSlow.Close())
	s.lose(s.box.empty(), domain.SlowConsumer)
	if s.peer.Load() != nil { // else attach finds the mailbox sealed and says it
		go s.cut(TooSlow.Close())
	}
}

// sent goes on when melody's writer has done its errand.
func (s *session) sent() { s.proceed(s.account()) }

// account enters the letter that is out into the books and says what is next.
func (s *session) account() turn {
	l, known, next := s.box.written()
	switch {
	case !known:
	case l.counts():
		s.manager.observer.Observe(domain.MessageSent{Bytes: len(l.payload), Took: time.Since(l.received)})
		s.manager.spans.forwarded(s, l)
	case l.kept():
		s.manager.observer.Observe(domain.MessageReplayed{Bytes: len(l.payload)})
	}
	return next
}

// proceed sends letters until the socket takes no more, which the writer then
// waits for; says the close that waited for the last one; or has the log read.
// It never waits.
func (s *session) proceed(next turn) {
	for next.more {
		out, errand := s.link.out.offer(next.next.payload)
		if !out {
			_ = s.peer.Load().Write(errand) // a dead peer's letters are counted at its end
			return
		}
		next = s.account()
	}
	switch {
	case next.done:
		go s.say()
	case next.fetch:
		s.manager.feeder.add(s)
	}
}

// shut ends the session for the reason, after what is queued.
func (s *session) shut(c Close) {
	if !s.decide(c) {
		return
	}
	rest := s.box.seal()
	s.link.end(time.Now().Add(flushLimit))
	s.proceed(rest)
}

// cut ends the session for the reason at once. A peer that cannot even be sent
// the close frame is dropped; the others may still answer it.
func (s *session) cut(c Close) {
	s.decide(c)
	s.box.seal()
	if !s.say() {
		_ = s.link.kill()
	}
}

// decide keeps the first reason for the end and reports whether it is this one.
func (s *session) decide(c Close) bool {
	if !s.ending.CompareAndSwap(nil, &c) {
		return false
	}
	if c.Status != none {
		s.manager.observer.Observe(domain.CloseSeen{Code: int(c.Status)})
	}
	return true
}

// say sends the close frame once. The user's place is free before the client
// learns that it may come back. It reports whether the frame is out, or somebody
// else is at it.
func (s *session) say() bool {
	s.free()
	c, peer := s.ending.Load(), s.peer.Load()
	if c == nil || peer == nil {
		return false
	}
	if !s.told.CompareAndSwap(false, true) {
		return true
	}
	conn := peer.WebsocketConnection()
	err := conn.WriteControl(websocket.CloseMessage, c.frame(s.correlation), time.Now().Add(sayLimit))
	s.link.end(time.Now().Add(answerLimit))
	return err == nil
}

// answer echoes the peer's close without a reason, or takes it as the answer
// to ours.
func (s *session) answer(status Status) {
	s.answered.Store(true)
	s.decide(Close{Status: status})
	s.box.seal()
	s.say()
}

// failed judges an error of melody: of reading, which ends the session when
// this returns, or of writing, which leaves the rest to the reader.
func (s *session) failed(err error) {
	var network net.Error
	var closed *websocket.CloseError
	switch {
	case errors.Is(err, errSilent):
		s.decide(Silent.Close())
	case errors.Is(err, errExpired):
		s.decide(Unauthenticated.Close())
	case errors.Is(err, errFlood):
		s.decide(flooded())
	case errors.Is(err, websocket.ErrReadLimit):
		// The library has sent the close, but not where the sum of the fragments'
		// lengths overflows. A second close frame is never written.
		s.decide(TooLarge.Close())
	case errors.Is(err, errOutdated):
		s.waited = true
	case errors.Is(err, errBadFrame):
		s.decide(ProtocolError.Close())
	case errors.Is(err, errBadReason):
		s.decide(BadText.Close())
	case errors.Is(err, errTooLarge):
		s.decide(TooLarge.Close())
	case errors.As(err, &closed), errors.As(err, &network), errors.Is(err, net.ErrClosed),
		errors.Is(err, websocket.ErrCloseSent), errors.Is(err, melody.ErrWriteClosed):
		return // whoever sent or got a close has said why; finish says that nobody did
	default:
		s.said(ProtocolError)
		return
	}
	s.box.seal()
	s.say()
}

// said notes a close that gorilla has sent by itself.
func (s *session) said(status Status) {
	s.decide(Close{Status: status})
	s.told.Store(true)
	s.box.seal()
}

// free gives back what admission took.
func (s *session) free() {
	if s.admitted.Load() && s.freed.CompareAndSwap(false, true) {
		s.manager.index.remove(s)
		s.sessions.Dismiss(s.caller, s.id)
	}
}

// ping asks the peer for a sign of life. A peer whose socket takes nothing is
// not pinged; its pong will be missed.
func (s *session) ping() {
	s.box.forget(time.Now())
	if s.link.out.ping() {
		return
	}
	if peer := s.peer.Load(); peer != nil {
		_ = peer.WebsocketConnection().WriteControl(websocket.PingMessage, nil, time.Now().Add(sayLimit))
	}
}

func (s *session) lose(n int, why domain.FailureReason) {
	for range n {
		s.manager.observer.Observe(domain.MessageFailed{Reason: why})
	}
}

// finish closes the socket and the books.
func (s *session) finish() {
	defer s.survive()
	defer func() { _ = s.link.kill() }()
	s.decide(Close{Status: none})
	s.free()
	s.lose(s.box.empty(), domain.WriteFailed)
	if s.told.Load() && !s.answered.Load() && !s.waited {
		s.link.linger()
	}
	_ = s.link.kill()
	if s.accepted.IsZero() {
		s.manager.observer.Observe(domain.ConnectionRejected{})
		return
	}
	s.manager.observer.Observe(domain.ConnectionEnded{Lasted: time.Since(s.accepted)})
	end := s.ending.Load()
	s.manager.log.Info("connection ended",
		slog.Int("close_code", int(end.Status)), slog.String("error_code", string(end.Code)),
		slog.Float64("lasted_seconds", time.Since(s.accepted).Seconds()),
		slog.String("user_id", string(s.caller.User)), slog.String("correlation_id", s.correlation))
}
