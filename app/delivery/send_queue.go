package delivery

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
	// position marks the frame that tells the client its position, which is id.
	position bool
}

func (m outboundMessage) isDelivery() bool { return !m.received.IsZero() }

func (m outboundMessage) isKept() bool { return m.id != streamID{} && !m.position }

func (m outboundMessage) frame() Frame { return Frame{m.payload, m.id, m.position} }

// putResult is the outcome of adding a message to a queue.
type putResult uint8

const (
	// accepted means that the message will be sent, or that a replay will read it from the log.
	accepted putResult = iota
	// overflowed means that the queue was full. It is closed now.
	overflowed
	// rejected means that the queue was closed before.
	rejected
)

// nextStep is what the caller must do after a call to the queue.
type nextStep struct {
	message  outboundMessage // valid if write
	write    bool            // write message to the connection
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
func (q *sendQueue) put(m outboundMessage, c *Config) (putResult, nextStep) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return rejected, nextStep{}
	case q.replay != nil && q.replay.alreadyDelivered(m):
		return accepted, nextStep{}
	case q.replay != nil && q.replay.holding:
		return q.holdLive(m, c)
	case q.full(m, c):
		q.closed = true
		return overflowed, nextStep{}
	}
	return accepted, q.enqueue(m)
}

// enqueue appends a message, or returns it for writing when the connection is idle.
func (q *sendQueue) enqueue(m outboundMessage) nextStep {
	q.addUsage(m)
	q.trackLast(m)
	if q.attached && !q.inFlight { // without a queue, which would need memory
		q.inFlight, q.current = true, m
		return nextStep{message: m, write: true}
	}
	q.queue = append(q.queue, m)
	return nextStep{}
}

// full reports whether the message would exceed the bounds. A single message of any
// size fits into an empty queue.
func (q *sendQueue) full(m outboundMessage, c *Config) bool {
	return q.count > 0 && (q.count >= c.QueueMessages || q.bytes+len(m.payload) > c.QueueBytes)
}

func (q *sendQueue) addUsage(m outboundMessage) {
	if !m.fromLog {
		q.count++
		q.bytes += len(m.payload)
	}
}

func (q *sendQueue) removeUsage(m outboundMessage) {
	if !m.fromLog {
		q.count--
		q.bytes -= len(m.payload)
	}
}

func (q *sendQueue) trackLast(m outboundMessage) {
	if m.isKept() {
		q.last = m.id
	}
}

// attach starts the writing: the connection exists now.
func (q *sendQueue) attach() nextStep {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.attached = true
	return q.next()
}

// complete records that the current message is written and returns it. known is
// false when discard has already counted the message as lost.
func (q *sendQueue) complete() (sent outboundMessage, known bool, next nextStep) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.inFlight {
		sent, known = q.current, true
		q.inFlight, q.current = false, outboundMessage{}
		q.removeUsage(sent)
	}
	return sent, known, q.next()
}

// next takes the first message out of the queue when the connection is ready for it. An
// empty queue keeps no memory.
func (q *sendQueue) next() nextStep {
	if !q.attached || q.inFlight {
		return nextStep{}
	}
	if len(q.queue) == 0 {
		q.queue = nil
		return nextStep{finished: q.closed, loadPage: q.replay != nil && q.replay.claimLoad()}
	}
	first := q.queue[0]
	q.queue[0] = outboundMessage{}
	q.queue = q.queue[1:]
	q.inFlight, q.current = true, first
	return nextStep{message: first, write: true}
}

// close accepts no more messages. Queued messages are still sent: the result says
// how, or a later call to attach or complete returns finished.
func (q *sendQueue) close() nextStep {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	if q.replay != nil {
		q.abandonReplay()
	}
	return q.next()
}

// discard closes the queue, drops its messages and returns how many deliveries are
// lost, including the one that the writer has.
func (q *sendQueue) discard() (lost int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.replay != nil {
		q.abandonReplay()
	}
	if q.inFlight && q.current.isDelivery() {
		lost++
	}
	for _, m := range q.queue {
		if m.isDelivery() {
			lost++
		}
	}
	q.closed, q.inFlight, q.current, q.queue = true, false, outboundMessage{}, nil
	q.count, q.bytes = 0, 0
	return lost
}

// missingRange returns which entries of the log the client lacks, as far as that is
// known. It returns false when no page is to be read. Kept notifications that arrive
// from now on are held back.
func (q *sendQueue) missingRange() (domain.MissedRange, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.replay == nil {
		return domain.MissedRange{}, false
	}
	q.replay.incomplete = false
	after := q.last.position()
	if after == "" && q.lastKnown {
		after = domain.PositionStart
	}
	return domain.MissedRange{After: after, Since: q.replay.since}, true
}

// setPosition records the position of the user's log. It is called before the first
// live message can arrive.
func (q *sendQueue) setPosition(at domain.Position) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last, q.lastKnown = parseStreamID(at), true
}
