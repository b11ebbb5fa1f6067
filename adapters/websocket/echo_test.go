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
	m.maxCompressed = int(m.config.MaxMessageBytes) // the suite's messages are large
	m.engine.HandleConnect(func(peer *melody.Session) {
		peer.Set(texts, make(chan struct{}, 1))
		peer.Set(binaries, make(chan struct{}, 1))
		withSocket(peer, func(c *socket) { c.attach(peer) })
	})
	m.engine.HandleMessage(func(peer *melody.Session, text []byte) {
		withSocket(peer, func(c *socket) {
			c.handleText(text)
			c.session.Reply(slices.Clone(text))
			if c.conn.writer.raw == nil { // melody writes every message
				awaitEcho(peer, texts)
			}
			for c.conn.writer.busy() && awaitEcho(peer, texts) {
			}
		})
	})
	m.engine.HandleMessageBinary(func(peer *melody.Session, data []byte) {
		withSocket(peer, func(c *socket) {
			c.handleBinary()
			if peer.WriteBinary(data) == nil {
				awaitEcho(peer, binaries)
			}
		})
	})
	m.engine.HandleSentMessage(func(peer *melody.Session, _ []byte) {
		withSocket(peer, func(c *socket) { c.session.Sent() })
		noteEcho(peer, texts)
	})
	m.engine.HandleSentMessageBinary(func(peer *melody.Session, _ []byte) { noteEcho(peer, binaries) })
}

// The keys of the channels that report that melody's writer has written.
const (
	texts    = "texts"
	binaries = "binaries"
)

// busy reports whether melody's writer has a part of a message to write.
func (o *directWriter) busy() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.pending) > 0 || o.blocked
}

func noteEcho(peer *melody.Session, kind string) {
	select {
	case peer.MustGet(kind).(chan struct{}) <- struct{}{}:
	default: // the channel has an unread report already
	}
}

// awaitEcho returns false when there will be no report, as when the session ends.
func awaitEcho(peer *melody.Session, kind string) bool {
	if socketOf(peer).session.Reason() != nil {
		return false
	}
	select {
	case <-peer.MustGet(kind).(chan struct{}):
		return true
	case <-time.After(writeTimeout):
		return false
	}
}
