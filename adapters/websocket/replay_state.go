package websocket

import (
	"slices"
	"time"

	"github.com/huleedu/edge/domain"
)

// deliveredTTL is how long a session remembers which entries of the log it was sent,
// to recognize them when they also arrive live. A subscription that lags longer than
// this fails its probe.
const deliveredTTL = 30 * time.Second

// replayState is the state of a queue while the user's log is replayed to the
// client, and for deliveredTTL after that. Live messages are held back until the log
// has been read up to them:
//
//	queue: what is sent now: messages queued before, then pages of the log
//	held:  live messages; they follow when the pages reach them
//
// A page is read when queue is empty, so the socket sets the pace. Entries of pages
// do not count against the bounds; live messages do. When the bounds are reached,
// held messages that the log keeps are dropped, and the log is read further until it
// reaches the held messages again. Only messages that no log keeps can therefore
// overflow the queue during a replay, and only after such a drop can kept
// notifications be sent before them. While the log cannot be read, messages that no
// log keeps are sent at once, before the kept ones.
type replayState struct {
	holding      bool // more pages are to be read
	loading      bool // a page is being read
	incomplete   bool // the log has entries that are neither in a page nor held
	held         []outboundMessage
	since        time.Time         // when the first message may have been missed; zero: unknown
	delivered    map[streamID]bool // entries of the log that the client has
	expiresAt    time.Time         // when delivered may be freed
	failingSince time.Time         // since when the log cannot be read; zero: it can
}

// alreadyDelivered reports whether the client was sent the message from the log.
func (k *replayState) alreadyDelivered(l outboundMessage) bool {
	return l.isKept() && k.delivered[l.id]
}

// claimLoad reports whether a page is to be read. It returns true to one caller
// only, which must read the page.
func (k *replayState) claimLoad() bool {
	due := k.holding && !k.loading
	k.loading = k.loading || due
	return due
}

// beginReplay holds live messages back until the first page is added. The caller
// reads that page without being asked to.
func (m *sendQueue) beginReplay() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.replay = &replayState{holding: true, loading: true}
}

// holdLive holds a live message back. While the log cannot be read, messages that no
// log keeps are not held: an outage of the log must not end the connection.
func (m *sendQueue) holdLive(l outboundMessage, c *Config) (putResult, nextStep) {
	if m.full(l, c) {
		m.dropKept()
		if l.isKept() {
			return accepted, nextStep{}
		}
		if m.full(l, c) {
			m.closed = true
			return overflowed, nextStep{}
		}
	}
	m.addUsage(l)
	m.replay.held = append(m.replay.held, l)
	if m.replay.failingSince.IsZero() {
		return accepted, nextStep{}
	}
	return accepted, m.releaseUnkept()
}

// releaseUnkept queues the held messages that no log keeps.
func (m *sendQueue) releaseUnkept() nextStep {
	k := m.replay
	k.held = slices.DeleteFunc(k.held, func(l outboundMessage) bool {
		if !l.isKept() {
			m.queue = append(m.queue, l)
		}
		return !l.isKept()
	})
	if !m.attached || m.inFlight {
		return nextStep{}
	}
	return m.nextMessage()
}

// dropKept drops the held messages that the log keeps. They are read from the log
// later.
func (m *sendQueue) dropKept() {
	m.replay.incomplete = true
	m.dropHeld(outboundMessage.isKept)
}

// dropHeld removes the held messages for which the function returns true.
func (m *sendQueue) dropHeld(which func(outboundMessage) bool) {
	m.replay.held = slices.DeleteFunc(m.replay.held, func(l outboundMessage) bool {
		out := which(l)
		if out {
			m.removeUsage(l)
		}
		return out
	})
}

// markGap starts a replay because messages since the given time may be missing. The
// announcement, if its payload is not empty, is sent before the replay.
func (m *sendQueue) markGap(announcement outboundMessage, since time.Time, c *Config) (putResult, nextStep) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return rejected, nextStep{}
	}
	if m.replay == nil {
		m.replay = &replayState{}
	}
	k := m.replay
	k.holding = true
	m.dropKept() // the log has what was held before the gap
	if k.since.IsZero() || since.Before(k.since) {
		k.since = since
	}
	if len(announcement.payload) == 0 {
		if m.attached && !m.inFlight {
			return accepted, m.nextMessage()
		}
		return accepted, nextStep{}
	}
	if m.full(announcement, c) {
		m.closed = true
		return overflowed, nextStep{}
	}
	return accepted, m.enqueue(announcement)
}

// addPage queues a page of the log. first, if not empty, is sent before everything
// else. at is the position that the client has named; it is zero without one.
func (m *sendQueue) addPage(first []byte, at streamID, page domain.Replay) nextStep {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.replay
	if m.closed || k == nil || !k.loading {
		return nextStep{}
	}
	k.loading, k.failingSince, m.lastKnown = false, time.Time{}, true
	if !k.incomplete {
		k.since = time.Time{} // the position says from now on where to continue
	}
	k.markDelivered(at, page.Preceding)
	m.dropHeld(k.alreadyDelivered) // a lagging subscription may have delivered them first
	if at != (streamID{}) {
		m.last = at
	}
	if len(first) > 0 {
		m.queue = slices.Insert(m.queue, 0, outboundMessage{payload: first, fromLog: true})
	}
	reached := m.appendEntries(page.Entries)
	if reached || !page.More && !k.incomplete {
		m.endReplay(time.Now())
	}
	if !m.attached || m.inFlight {
		return nextStep{}
	}
	return m.nextMessage()
}

// appendEntries queues the entries of a page up to the first one that is held, and
// reports whether there was such an entry. It and those behind it are sent from
// held.
func (m *sendQueue) appendEntries(entries []domain.LogEntry) (reached bool) {
	k := m.replay
	held := map[streamID]bool{}
	for _, l := range k.held {
		if l.isKept() {
			held[l.id] = true
		}
	}
	for _, e := range entries {
		l := outboundMessage{payload: e.Frame, id: parseStreamID(e.ID), fromLog: true}
		if held[l.id] {
			return true
		}
		m.trackLast(l)
		if !k.delivered[l.id] {
			k.delivered[l.id] = true
			m.queue = append(m.queue, l)
		}
	}
	return false
}

// markDelivered records positions whose entries the client does not need.
func (k *replayState) markDelivered(at streamID, passed []domain.Position) {
	if k.delivered == nil {
		k.delivered = map[streamID]bool{}
	}
	for _, p := range passed {
		k.delivered[parseStreamID(p)] = true
	}
	if at != (streamID{}) {
		k.delivered[at] = true
	}
}

// endReplay queues the held messages and ends the replay.
func (m *sendQueue) endReplay(now time.Time) {
	k := m.replay
	for _, l := range k.held {
		m.trackLast(l)
		m.queue = append(m.queue, l)
	}
	m.replay = &replayState{delivered: k.delivered, expiresAt: now.Add(deliveredTTL)}
}

// abandonReplay ends the replay before the log was read completely. Held
// notifications that the log keeps are dropped, because a client that gets them
// would take the entries before them for delivered.
func (m *sendQueue) abandonReplay() {
	k := m.replay
	if !k.holding {
		return
	}
	m.dropKept()
	m.queue = append(m.queue, k.held...)
	k.held, k.holding = nil, false
}

// expireReplay frees the state of a finished replay after deliveredTTL.
func (m *sendQueue) expireReplay(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.replay != nil && !m.replay.holding && now.After(m.replay.expiresAt) {
		m.replay = nil
	}
}

// recordFailure records that the log could not be read, and returns since when that
// is so.
func (m *sendQueue) recordFailure(now time.Time) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.replay == nil {
		return now
	}
	if m.replay.failingSince.IsZero() {
		m.replay.failingSince = now
	}
	return m.replay.failingSince
}
