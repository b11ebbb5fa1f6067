package websocket

import (
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
)

// outboundMessage is a frame on its way to one socket.
type outboundMessage struct {
	payload []byte
	// received is zero for what counts as no delivery: an answer of our own, and
	// what comes from the user's log.
	received time.Time
	// id is the place in the user's log of a kept notification.
	id streamID
	// fromLog letters come from the log and take no room in the queue.
	fromLog bool
}

func (l outboundMessage) isDelivery() bool { return !l.received.IsZero() }

func (l outboundMessage) isKept() bool { return l.id != streamID{} }

// putResult says what became of a letter that was put into a mailbox.
type putResult uint8

const (
	// accepted: it is on its way, or the log has it in time.
	accepted putResult = iota
	// overflowed: there is no room; the mailbox is sealed now.
	overflowed
	// rejected: the mailbox was sealed before.
	rejected
)

// nextStep is what the caller must do next for the mailbox.
type nextStep struct {
	message  outboundMessage
	write    bool // hand next to the writer
	finished bool // the mailbox is sealed and empty
	loadPage bool // the log must be read, see hole
}

// sendQueue is the bounded queue of one socket. It exists before the socket
// does: until a writer is attached everything waits. At most one letter is out
// with the writer at any time. What it does while a client is brought up to
// date from the user's log is in catchup.go.
type sendQueue struct {
	mu       sync.Mutex
	attached bool
	closed   bool
	inFlight bool            // out holds a letter that the writer has
	current  outboundMessage // valid while busy
	queue    []outboundMessage
	count    int      // letters of out, waiting and held that take room
	bytes    int      // theirs
	last     streamID // the newest kept notification that went out or waits
	// lastKnown says that last is where the client stands also when it is zero: before
	// the first entry of the log.
	lastKnown bool
	replay    *replayState
}

// put adds a letter within the bounds.
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

// enqueue puts a letter into the queue, or hands it to the writer who waits.
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

// attach tells that there is a writer.
func (m *sendQueue) attach() nextStep {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attached = true
	return m.nextMessage()
}

// complete tells that the writer's letter is out; known is false when the
// mailbox was emptied meanwhile and the letter has been accounted for.
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

// nextMessage moves the first waiting letter out. An empty queue keeps no memory.
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

// close takes no more letters. What waits still goes out, the answer says how;
// otherwise attach or written will report done.
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

// discard seals the mailbox and returns how many letters that count will not be
// delivered, the one with the writer included.
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

// missingRange says what the client lacks, as far as is known; false when nothing more
// is to be read for it. Kept notifications that come from now on are held.
func (m *sendQueue) missingRange() (domain.Hole, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.replay == nil {
		return domain.Hole{}, false
	}
	m.replay.incomplete = false
	after := m.last.position()
	if after == "" && m.lastKnown {
		after = domain.Start
	}
	return domain.Hole{After: after, Since: m.replay.since}, true
}

// setPosition notes the position of the user's log before the first live message. It is
// called before there are any.
func (m *sendQueue) setPosition(at domain.Position) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last, m.lastKnown = parseStreamID(at), true
}
