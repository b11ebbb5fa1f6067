package websocket

import (
	"slices"
	"time"

	"github.com/olahol/melody"
)

// Echo makes a manager send back every message, besides doing with it what it
// always does. Conformance suites need it; the service has nothing like it, and
// this file is compiled into tests alone. The next frame is read when the echo
// is written, because a broken frame is answered by the reader and would
// overtake it.
func Echo(m *Manager) {
	echo := func(ms *melody.Session, message []byte, hear, send func(*session)) {
		m.guard(ms, func(s *session) {
			if s.fits(message) {
				hear(s)
				send(s)
				awaitEcho(ms)
			}
		})
	}
	m.engine.HandleMessage(func(ms *melody.Session, text []byte) {
		echo(ms, text, func(s *session) { s.hear(text) }, func(s *session) { s.post(letter{payload: slices.Clone(text)}) })
	})
	m.engine.HandleMessageBinary(func(ms *melody.Session, data []byte) {
		echo(ms, data, (*session).ignore, func(*session) { _ = ms.WriteBinary(data) })
	})
	m.engine.HandleConnect(func(ms *melody.Session) {
		ms.Set(echoed, make(chan struct{}, 1))
		m.guard(ms, func(s *session) { s.attach(ms) })
	})
	m.engine.HandleSentMessage(func(ms *melody.Session, _ []byte) {
		m.guard(ms, (*session).sent)
		noteEcho(ms)
	})
	m.engine.HandleSentMessageBinary(func(ms *melody.Session, _ []byte) { noteEcho(ms) })
}

// echoed is where a session keeps the channel that tells of a written echo.
const echoed = "echoed"

func noteEcho(ms *melody.Session) {
	select {
	case ms.MustGet(echoed).(chan struct{}) <- struct{}{}:
	default: // nobody waits: it was no echo
	}
}

// awaitEcho gives up when there will be none, as for text that is none.
func awaitEcho(ms *melody.Session) {
	if sessionOf(ms).ending.Load() != nil {
		return
	}
	select {
	case <-ms.MustGet(echoed).(chan struct{}):
	case <-time.After(writeWait):
	}
}
