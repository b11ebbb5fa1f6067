package websocket

import (
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
)

// letter is a frame on its way to one socket.
type letter struct {
	payload []byte
	// received is zero for what counts as no delivery: an answer of our own, and
	// what comes from the user's log.
	received time.Time
	// id is the place in the user's log of a kept notification.
	id mark
	// free letters come from the log and take no room in the queue.
	free bool
}

func (l letter) counts() bool { return !l.received.IsZero() }

func (l letter) kept() bool { return l.id != mark{} }

// receipt says what became of a letter that was put into a mailbox.
type receipt uint8

const (
	// accepted: it is on its way, or the log has it in time.
	accepted receipt = iota
	// overflowed: there is no room; the mailbox is sealed now.
	overflowed
	// turnedDown: the mailbox was sealed before.
	turnedDown
)

// turn is what the caller must do next for the mailbox.
type turn struct {
	next  letter
	more  bool // hand next to the writer
	done  bool // the mailbox is sealed and empty
	fetch bool // the log must be read, see hole
}

// mailbox is the bounded queue of one socket. It exists before the socket
// does: until a writer is attached everything waits. At most one letter is out
// with the writer at any time. What it does while a client is brought up to
// date from the user's log is in catchup.go.
type mailbox struct {
	mu       sync.Mutex
	attached bool
	sealed   bool
	busy     bool   // out holds a letter that the writer has
	out      letter // valid while busy
	waiting  []letter
	count    int  // letters of out, waiting and held that take room
	bytes    int  // theirs
	last     mark // the newest kept notification that went out or waits
	// known says that last is where the client stands also when it is zero: before
	// the first entry of the log.
	known bool
	catch *catchup
}

// put adds a letter within the bounds.
func (m *mailbox) put(l letter, c *Config) (receipt, turn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.sealed:
		return turnedDown, turn{}
	case m.catch != nil && m.catch.gave(l):
		return accepted, turn{}
	case m.catch != nil && m.catch.holding:
		return m.hold(l, c)
	case m.full(l, c):
		m.sealed = true
		return overflowed, turn{}
	}
	return accepted, m.enqueue(l)
}

// enqueue puts a letter into the queue, or hands it to the writer who waits.
func (m *mailbox) enqueue(l letter) turn {
	m.charge(l)
	m.note(l)
	if m.attached && !m.busy {
		m.busy, m.out = true, l
		return turn{next: l, more: true}
	}
	m.waiting = append(m.waiting, l)
	return turn{}
}

func (m *mailbox) full(l letter, c *Config) bool {
	return m.count > 0 && (m.count >= c.SendQueueMessages || m.bytes+len(l.payload) > c.SendQueueBytes)
}

func (m *mailbox) charge(l letter) {
	if !l.free {
		m.count++
		m.bytes += len(l.payload)
	}
}

func (m *mailbox) discharge(l letter) {
	if !l.free {
		m.count--
		m.bytes -= len(l.payload)
	}
}

func (m *mailbox) note(l letter) {
	if l.kept() {
		m.last = l.id
	}
}

// attach tells that there is a writer.
func (m *mailbox) attach() turn {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attached = true
	return m.advance()
}

// written tells that the writer's letter is out; known is false when the
// mailbox was emptied meanwhile and the letter has been accounted for.
func (m *mailbox) written() (sent letter, known bool, next turn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.busy {
		sent, known = m.out, true
		m.busy, m.out = false, letter{}
		m.discharge(sent)
	}
	return sent, known, m.advance()
}

// advance moves the first waiting letter out. An empty queue keeps no memory.
func (m *mailbox) advance() turn {
	if len(m.waiting) == 0 {
		m.waiting = nil
		return turn{done: m.sealed, fetch: m.catch != nil && m.catch.asks()}
	}
	first := m.waiting[0]
	m.waiting[0] = letter{}
	m.waiting = m.waiting[1:]
	m.busy, m.out = true, first
	return turn{next: first, more: true}
}

// seal takes no more letters. What waits still goes out, the answer says how;
// otherwise attach or written will report done.
func (m *mailbox) seal() turn {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sealed = true
	if m.catch != nil {
		m.abandon()
	}
	if !m.attached || m.busy {
		return turn{}
	}
	return m.advance()
}

// empty seals the mailbox and returns how many letters that count will not be
// delivered, the one with the writer included.
func (m *mailbox) empty() (lost int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.catch != nil {
		m.abandon()
	}
	if m.busy && m.out.counts() {
		lost++
	}
	for _, l := range m.waiting {
		if l.counts() {
			lost++
		}
	}
	m.sealed, m.busy, m.out, m.waiting = true, false, letter{}, nil
	m.count, m.bytes = 0, 0
	return lost
}

// hole says what the client lacks, as far as is known; false when nothing more
// is to be read for it. Kept notifications that come from now on are held.
func (m *mailbox) hole() (domain.Hole, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sealed || m.catch == nil {
		return domain.Hole{}, false
	}
	m.catch.behind = false
	after := m.last.position()
	if after == "" && m.known {
		after = domain.Start
	}
	return domain.Hole{After: after, Since: m.catch.since}, true
}

// stand notes the position of the user's log before the first live message. It is
// called before there are any.
func (m *mailbox) stand(at domain.Position) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last, m.known = markAt(at), true
}
