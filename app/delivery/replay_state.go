package delivery

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
// A page is read when queue is empty, so the connection sets the pace. Entries of pages
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
func (r *replayState) alreadyDelivered(m outboundMessage) bool {
	return m.isKept() && r.delivered[m.id]
}

// claimLoad reports whether a page is to be read. It returns true to one caller
// only, which must read the page.
func (r *replayState) claimLoad() bool {
	due := r.holding && !r.loading
	r.loading = r.loading || due
	return due
}

// beginReplay holds live messages back until the first page is added. The caller
// reads that page without being asked to.
func (q *sendQueue) beginReplay() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.replay = &replayState{holding: true, loading: true}
}

// holdLive holds a live message back. While the log cannot be read, messages that no
// log keeps are not held: an outage of the log must not end the connection.
func (q *sendQueue) holdLive(m outboundMessage, c *Config) (putResult, nextStep) {
	if q.full(m, c) {
		q.dropKept()
		if m.isKept() {
			return accepted, nextStep{}
		}
		if q.full(m, c) {
			q.closed = true
			return overflowed, nextStep{}
		}
	}
	q.addUsage(m)
	q.replay.held = append(q.replay.held, m)
	if q.replay.failingSince.IsZero() {
		return accepted, nextStep{}
	}
	return accepted, q.releaseUnkept()
}

// releaseUnkept queues the held messages that no log keeps.
func (q *sendQueue) releaseUnkept() nextStep {
	r := q.replay
	r.held = slices.DeleteFunc(r.held, func(m outboundMessage) bool {
		if !m.isKept() {
			q.queue = append(q.queue, m)
		}
		return !m.isKept()
	})
	return q.next()
}

// dropKept drops the held messages that the log keeps. They are read from the log
// later.
func (q *sendQueue) dropKept() {
	q.replay.incomplete = true
	q.dropHeld(outboundMessage.isKept)
}

// dropHeld removes the held messages for which the function returns true.
func (q *sendQueue) dropHeld(which func(outboundMessage) bool) {
	q.replay.held = slices.DeleteFunc(q.replay.held, func(m outboundMessage) bool {
		out := which(m)
		if out {
			q.removeUsage(m)
		}
		return out
	})
}

// markGap starts a replay because messages since the given time may be missing. The
// announcement, if its payload is not empty, is sent before the replay.
func (q *sendQueue) markGap(announcement outboundMessage, since time.Time, c *Config) (putResult, nextStep) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return rejected, nextStep{}
	}
	if q.replay == nil {
		q.replay = &replayState{}
	}
	r := q.replay
	r.holding = true
	q.dropKept() // the log has what was held before the gap
	if r.since.IsZero() || since.Before(r.since) {
		r.since = since
	}
	if len(announcement.payload) == 0 {
		return accepted, q.next()
	}
	if q.full(announcement, c) {
		q.closed = true
		return overflowed, nextStep{}
	}
	return accepted, q.enqueue(announcement)
}

// addPage queues a page of the log. first, if not empty, is sent before everything
// else; with a complete page it tells the client the position. at is the position that the client has named; it is zero without one.
func (q *sendQueue) addPage(first []byte, at streamID, page domain.Replay) nextStep {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.replay
	if q.closed || r == nil || !r.loading {
		return nextStep{}
	}
	r.loading, r.failingSince, q.lastKnown = false, time.Time{}, true
	if !r.incomplete {
		r.since = time.Time{} // the position says from now on where to continue
	}
	r.markDelivered(at, page.Preceding)
	q.dropHeld(r.alreadyDelivered) // a lagging subscription may have delivered them first
	if at != (streamID{}) {
		q.last = at
	}
	if len(first) > 0 {
		q.queue = slices.Insert(q.queue, 0, outboundMessage{payload: first, fromLog: true, id: at, position: page.Complete})
	}
	reached := q.appendEntries(page.Entries)
	if reached || !page.More && !r.incomplete {
		q.endReplay(time.Now())
	}
	return q.next()
}

// appendEntries queues the entries of a page up to the first one that is held, and
// reports whether there was such an entry. It and those behind it are sent from
// held.
func (q *sendQueue) appendEntries(entries []domain.LogEntry) (reached bool) {
	r := q.replay
	held := map[streamID]bool{}
	for _, m := range r.held {
		if m.isKept() {
			held[m.id] = true
		}
	}
	for _, e := range entries {
		m := outboundMessage{payload: e.Frame, id: parseStreamID(e.ID), fromLog: true}
		if held[m.id] {
			return true
		}
		q.trackLast(m)
		if !r.delivered[m.id] {
			r.delivered[m.id] = true
			q.queue = append(q.queue, m)
		}
	}
	return false
}

// markDelivered records positions whose entries the client does not need.
func (r *replayState) markDelivered(at streamID, passed []domain.Position) {
	if r.delivered == nil {
		r.delivered = map[streamID]bool{}
	}
	for _, p := range passed {
		r.delivered[parseStreamID(p)] = true
	}
	if at != (streamID{}) {
		r.delivered[at] = true
	}
}

// endReplay queues the held messages and ends the replay.
func (q *sendQueue) endReplay(now time.Time) {
	r := q.replay
	for _, m := range r.held {
		q.trackLast(m)
		q.queue = append(q.queue, m)
	}
	q.replay = &replayState{delivered: r.delivered, expiresAt: now.Add(deliveredTTL)}
}

// abandonReplay ends the replay before the log was read completely. Held
// notifications that the log keeps are dropped, because a client that gets them
// would take the entries before them for delivered.
func (q *sendQueue) abandonReplay() {
	r := q.replay
	if !r.holding {
		return
	}
	q.dropKept()
	q.queue = append(q.queue, r.held...)
	r.held, r.holding = nil, false
}

// expireReplay frees the state of a finished replay after deliveredTTL.
func (q *sendQueue) expireReplay(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.replay != nil && !q.replay.holding && now.After(q.replay.expiresAt) {
		q.replay = nil
	}
}

// recordFailure records that the log could not be read, and returns since when that
// is so.
func (q *sendQueue) recordFailure(now time.Time) time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.replay == nil {
		return now
	}
	if q.replay.failingSince.IsZero() {
		q.replay.failingSince = now
	}
	return q.replay.failingSince
}
