package websocket

import (
	"slices"
	"time"

	"github.com/olahol/melody"
)

// Echo makes a manager send back every message in addition to its usual work.
// Conformance suites need it; it is compiled into tests only. The next frame is read
// after the echo is written, because the answer to an invalid frame would overtake
// it otherwise.
func Echo(m *Manager) {
	echo := func(ms *melody.Session, back func(*session)) {
		m.withSession(ms, back)
	}
	m.maxCompressed = int(m.config.MaxMessageBytes) // the suite's messages are large
	m.engine.HandleMessage(func(ms *melody.Session, text []byte) {
		echo(ms, func(s *session) {
			s.handleText(text)
			s.enqueue(outboundMessage{payload: slices.Clone(text)})
			for s.owes() && awaitEcho(ms, texts) {
			}
		})
	})
	m.engine.HandleMessageBinary(func(ms *melody.Session, data []byte) {
		echo(ms, func(s *session) {
			s.handleBinary()
			if ms.WriteBinary(data) == nil {
				awaitEcho(ms, binaries)
			}
		})
	})
	m.engine.HandleConnect(func(ms *melody.Session) {
		ms.Set(texts, make(chan struct{}, 1))
		ms.Set(binaries, make(chan struct{}, 1))
		m.withSession(ms, func(s *session) { s.attach(ms) })
	})
	m.engine.HandleSentMessage(func(ms *melody.Session, _ []byte) {
		m.withSession(ms, (*session).messageSent)
		noteEcho(ms, texts)
	})
	m.engine.HandleSentMessageBinary(func(ms *melody.Session, _ []byte) { noteEcho(ms, binaries) })
}

// Where a session keeps the channels that tell that melody's writer has written.
const (
	texts    = "texts"
	binaries = "binaries"
)

// owes reports whether melody's writer has a part of the queue to write.
func (s *session) owes() bool {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return s.queue.inFlight
}

func noteEcho(ms *melody.Session, kind string) {
	select {
	case ms.MustGet(kind).(chan struct{}) <- struct{}{}:
	default: // one that nobody has looked at yet says the same
	}
}

// awaitEcho reports false when there will be none, as when the session ends.
func awaitEcho(ms *melody.Session, kind string) bool {
	if sessionOf(ms).closeReason.Load() != nil {
		return false
	}
	select {
	case <-ms.MustGet(kind).(chan struct{}):
		return true
	case <-time.After(writeTimeout):
		return false
	}
}
