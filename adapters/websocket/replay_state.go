package websocket

import (
	"slices"
	"time"

	"github.com/huleedu/edge/domain"
)

// deliveredTTL is how long a session remembers what it was given from the log,
// to know it again when it comes live as well. A subscription that lags longer
// than this has been found deaf.
const deliveredTTL = 30 * time.Second

// replayState is a mailbox's state while its client is brought up to date from the
// user's log, and for a while after. What goes on live is held until the log
// has been read up to it:
//
//	waiting: what goes out now: old letters, then pages of the log
//	held:    what came live since; it follows when the pages reach it
//
// A page is asked for when waiting is empty, so the socket sets the pace, and
// takes no room. Live letters do take room. When that runs out, the kept ones
// are dropped, since the log has them, and the log is read on until it reaches
// what is held again. So only messages that nobody keeps can overflow the queue
// of a client that catches up; and only then are they overtaken by kept ones.
// While the log cannot be read it is the other way round: they go out, and
// overtake the kept ones.
type replayState struct {
	holding      bool // pages are still to come
	loading      bool // one is being read
	incomplete   bool // the log holds more than the pages and held
	held         []outboundMessage
	since        time.Time         // when something may first have been missed; zero: unknown
	delivered    map[streamID]bool // what the client has, of the log
	expiresAt    time.Time         // given may be forgotten
	failingSince time.Time         // since when the log cannot be read; zero: it can
}

// alreadyDelivered reports whether the client has the letter from the log already.
func (k *replayState) alreadyDelivered(l outboundMessage) bool {
	return l.isKept() && k.delivered[l.id]
}

// claimLoad reports whether a page is due, once: who hears it must read it.
func (k *replayState) claimLoad() bool {
	due := k.holding && !k.loading
	k.loading = k.loading || due
	return due
}

// beginReplay holds what comes live until the first page is fed, which the caller
// will do without being asked.
func (m *sendQueue) beginReplay() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.replay = &replayState{holding: true, loading: true}
}

// holdLive keeps a live letter back. While the log cannot be read, what nobody keeps
// does not wait for it: an outage of the log says nothing about the client.
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

// releaseUnkept lets go of the held letters that nobody keeps.
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

// dropKept drops the kept letters that are held: they will come from the log.
func (m *sendQueue) dropKept() {
	m.replay.incomplete = true
	m.dropHeld(outboundMessage.isKept)
}

// dropHeld takes letters out of those that are held.
func (m *sendQueue) dropHeld(which func(outboundMessage) bool) {
	m.replay.held = slices.DeleteFunc(m.replay.held, func(l outboundMessage) bool {
		out := which(l)
		if out {
			m.removeUsage(l)
		}
		return out
	})
}

// markGap tells that messages since then may not have come. The announcement, if
// there is one, goes out before what the log brings.
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
	m.dropKept() // what was held came before the break: the log has it, and what follows
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

// addPage adds a page of the log. first, if any, is what a client that comes back
// is told before everything, and at is where it stands.
func (m *sendQueue) addPage(first []byte, at streamID, page domain.Replay) nextStep {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.replay
	if m.closed || k == nil || !k.loading {
		return nextStep{}
	}
	k.loading, k.failingSince, m.lastKnown = false, time.Time{}, true
	if !k.incomplete {
		k.since = time.Time{} // from here on the log tells where to go on
	}
	k.markDelivered(at, page.Passed)
	m.dropHeld(k.alreadyDelivered) // a lagging subscription brought it before this was known
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

// appendEntries adds the entries of a page up to the first one that is held, and
// reports whether there was one: it and all behind it come live.
func (m *sendQueue) appendEntries(entries []domain.Kept) (reached bool) {
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

// endReplay ends the catching up: what was held follows.
func (m *sendQueue) endReplay(now time.Time) {
	k := m.replay
	for _, l := range k.held {
		m.trackLast(l)
		m.queue = append(m.queue, l)
	}
	m.replay = &replayState{delivered: k.delivered, expiresAt: now.Add(deliveredTTL)}
}

// abandonReplay gives up what the log would still bring. Kept letters behind the hole
// must not go out: the client would believe that it has all before them.
func (m *sendQueue) abandonReplay() {
	k := m.replay
	if !k.holding {
		return
	}
	m.dropKept()
	m.queue = append(m.queue, k.held...)
	k.held, k.holding = nil, false
}

// expireReplay frees what the catching up has left, when it is not needed any more.
func (m *sendQueue) expireReplay(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.replay != nil && !m.replay.holding && now.After(m.replay.expiresAt) {
		m.replay = nil
	}
}

// recordFailure notes that the log could not be read, and returns since when.
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
