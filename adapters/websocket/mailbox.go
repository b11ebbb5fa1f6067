package websocket

import (
	"sync"
	"time"
)

// letter is a frame on its way to one socket.
type letter struct {
	payload []byte
	// received is zero for an answer of our own, which counts as no delivery.
	received time.Time
}

func (l letter) counts() bool { return !l.received.IsZero() }

// receipt says what became of a letter that was put into a mailbox.
type receipt uint8

const (
	// queued: it waits its turn.
	queued receipt = iota
	// next: the caller must hand it to the writer now.
	next
	// overflowed: there is no room; the mailbox is sealed now.
	overflowed
	// turnedDown: the mailbox was sealed before.
	turnedDown
)

// mailbox is the bounded queue of one socket. It exists before the socket
// does: until a writer is attached everything waits. At most one letter is out
// with the writer at any time.
type mailbox struct {
	mu       sync.Mutex
	attached bool
	sealed   bool
	busy     bool   // out holds a letter that the writer has
	out      letter // valid while busy
	waiting  []letter
	bytes    int // of out and waiting
}

// put adds a letter within the bounds.
func (m *mailbox) put(l letter, c *Config) receipt {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.sealed:
		return turnedDown
	case m.full(l, c):
		m.sealed = true
		return overflowed
	}
	m.bytes += len(l.payload)
	if m.attached && !m.busy {
		m.busy, m.out = true, l
		return next
	}
	m.waiting = append(m.waiting, l)
	return queued
}

func (m *mailbox) full(l letter, c *Config) bool {
	n := len(m.waiting)
	if m.busy {
		n++
	}
	return n > 0 && (n >= c.SendQueueMessages || m.bytes+len(l.payload) > c.SendQueueBytes)
}

// attach tells that there is a writer. It returns the first letter, if any
// waits, and whether the mailbox is sealed and empty.
func (m *mailbox) attach() (first letter, more, done bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attached = true
	return m.advance()
}

// written tells that the writer's letter is out; known is false when the
// mailbox was emptied meanwhile and the letter has been accounted for.
func (m *mailbox) written() (sent letter, known bool, following letter, more, done bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.busy {
		sent, known = m.out, true
		m.busy, m.out = false, letter{}
		m.bytes -= len(sent.payload)
	}
	following, more, done = m.advance()
	return sent, known, following, more, done
}

// advance moves the first waiting letter out. An empty queue keeps no memory.
func (m *mailbox) advance() (following letter, more, done bool) {
	if len(m.waiting) == 0 {
		m.waiting = nil
		return letter{}, false, m.sealed
	}
	following = m.waiting[0]
	m.waiting[0] = letter{}
	m.waiting = m.waiting[1:]
	m.busy, m.out = true, following
	return following, true, false
}

// seal takes no more letters. idle says that a writer is there and has
// nothing left to write; otherwise attach or written will report done.
func (m *mailbox) seal() (idle bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sealed = true
	return m.attached && !m.busy && len(m.waiting) == 0
}

// empty seals the mailbox and returns how many letters that count will not be
// delivered, the one with the writer included.
func (m *mailbox) empty() (lost int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.busy && m.out.counts() {
		lost++
	}
	for _, l := range m.waiting {
		if l.counts() {
			lost++
		}
	}
	m.sealed, m.busy, m.out, m.waiting, m.bytes = true, false, letter{}, nil, 0
	return lost
}
