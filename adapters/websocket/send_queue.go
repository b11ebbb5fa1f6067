package websocket

import (
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
)

// outboundMessage is a text frame that is to be sent to one client.
type outboundMessage struct {
	payload []byte
	// received is when the message came from Redis. It is zero for what is not
	// counted as a delivery: answers of the service itself and entries of the log.
	received time.Time
	// id is the position of a kept notification in the user's log.
	id streamID
	// fromLog marks entries that a replay has read from the log. They do not count
	// against the bounds of the queue.
	fromLog bool
}

func (l outboundMessage) isDelivery() bool { return !l.received.IsZero() }

func (l outboundMessage) isKept() bool { return l.id != streamID{} }

// putResult is the outcome of adding a message to a queue.
type putResult uint8

const (
	// accepted: the message will be sent, or a replay will read it from the log.
	accepted putResult = iota
	// overflowed: the queue is full. It is closed now.
	overflowed
	// rejected: the queue was closed before.
	rejected
)

// nextStep is what the caller must do after a call to the queue.
type nextStep struct {
	message  outboundMessage // valid if write
	write    bool            // write message to the socket
	finished bool            // the queue is closed and empty
	loadPage bool            // read the next page of the log, see missingRange
}

// sendQueue is the bounded queue of one connection. Messages can be added before the
// connection exists; they wait until attach is called. At most one message is with
// the writer at any time. The part that replays the user's log is in
// replay_state.go. It is safe for concurrent use.
type sendQueue struct {
	mu       sync.Mutex
	attached bool
	closed   bool
	inFlight bool            // current is with the writer
	current  outboundMessage // valid while inFlight
	queue    []outboundMessage
	count    int      // messages in current, queue and held that count against the bounds
	bytes    int      // their size
	last     streamID // the newest kept notification that was sent or is queued
	// lastKnown says that last is the client's position even when it is zero, which
	// then means the position before the first entry of the log.
	lastKnown bool
	replay    *replayState
}

// put adds a message if the bounds allow it.
func (m *sendQueue) put(l outboundMessage, c *Config) (putResult, nextStep) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return rejected, nextStep{}
	case m.replay != nil && m.replay.alreadyDelivered(l):
		return accepted, nextStep{}
	case m.replay != nil && m.replay.holding:
		return m.holdLive(l, c)
	case m.full(l, c):
		m.closed = true
		return overflowed, nextStep{}
	}
	return accepted, m.enqueue(l)
}

// enqueue appends a message, or returns it for writing when the writer is idle.
func (m *sendQueue) enqueue(l outboundMessage) nextStep {
	m.addUsage(l)
	m.trackLast(l)
	if m.attached && !m.inFlight {
		m.inFlight, m.current = true, l
		return nextStep{message: l, write: true}
	}
	m.queue = append(m.queue, l)
	return nextStep{}
}

// full reports whether the message would exceed the bounds. A single message of any
// size fits into an empty queue.
func (m *sendQueue) full(l outboundMessage, c *Config) bool {
	return m.count > 0 && (m.count >= c.SendQueueMessages || m.bytes+len(l.payload) > c.SendQueueBytes)
}

func (m *sendQueue) addUsage(l outboundMessage) {
	if !l.fromLog {
		m.count++
		m.bytes += len(l.payload)
	}
}

func (m *sendQueue) removeUsage(l outboundMessage) {
	if !l.fromLog {
		m.count--
		m.bytes -= len(l.payload)
	}
}

func (m *sendQueue) trackLast(l outboundMessage) {
	if l.isKept() {
		m.last = l.id
	}
}

// attach starts the writing: the connection exists now.
func (m *sendQueue) attach() nextStep {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attached = true
	return m.nextMessage()
}

// complete records that the current message is written and returns it. known is
// false when discard has already counted the message as lost.
func (m *sendQueue) complete() (sent outboundMessage, known bool, next nextStep) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.inFlight {
		sent, known = m.current, true
		m.inFlight, m.current = false, outboundMessage{}
		m.removeUsage(sent)
	}
	return sent, known, m.nextMessage()
}

// nextMessage takes the first message out of the queue. An empty queue keeps no
// memory.
func (m *sendQueue) nextMessage() nextStep {
	if len(m.queue) == 0 {
		m.queue = nil
		return nextStep{finished: m.closed, loadPage: m.replay != nil && m.replay.claimLoad()}
	}
	first := m.queue[0]
	m.queue[0] = outboundMessage{}
	m.queue = m.queue[1:]
	m.inFlight, m.current = true, first
	return nextStep{message: first, write: true}
}

// close accepts no more messages. Queued messages are still sent: the result says
// how, or a later call to attach or complete returns finished.
func (m *sendQueue) close() nextStep {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	if m.replay != nil {
		m.abandonReplay()
	}
	if !m.attached || m.inFlight {
		return nextStep{}
	}
	return m.nextMessage()
}

// discard closes the queue, drops its messages and returns how many deliveries are
// lost, including the one that the writer has.
func (m *sendQueue) discard() (lost int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.replay != nil {
		m.abandonReplay()
	}
	if m.inFlight && m.current.isDelivery() {
		lost++
	}
	for _, l := range m.queue {
		if l.isDelivery() {
			lost++
		}
	}
	m.closed, m.inFlight, m.current, m.queue = true, false, outboundMessage{}, nil
	m.count, m.bytes = 0, 0
	return lost
}

// missingRange returns which entries of the log the client lacks, as far as that is
// known. It returns false when no page is to be read. Kept notifications that arrive
// from now on are held back.
func (m *sendQueue) missingRange() (domain.MissedRange, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.replay == nil {
		return domain.MissedRange{}, false
	}
	m.replay.incomplete = false
	after := m.last.position()
	if after == "" && m.lastKnown {
		after = domain.PositionStart
	}
	return domain.MissedRange{After: after, Since: m.replay.since}, true
}

// setPosition records the position of the user's log. It is called before the first
// live message can arrive.
func (m *sendQueue) setPosition(at domain.Position) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last, m.lastKnown = parseStreamID(at), true
}
