package websocket

import (
	"slices"
	"time"

	"github.com/huleedu/edge/domain"
)

// rememberFor is how long a session remembers what it was given from the log,
// to know it again when it comes live as well. A subscription that lags longer
// than this has been found deaf.
const rememberFor = 30 * time.Second

// catchup is a mailbox's state while its client is brought up to date from the
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
type catchup struct {
	holding bool // pages are still to come
	reading bool // one is being read
	behind  bool // the log holds more than the pages and held
	held    []letter
	since   time.Time     // when something may first have been missed; zero: unknown
	given   map[mark]bool // what the client has, of the log
	until   time.Time     // given may be forgotten
	trouble time.Time     // since when the log cannot be read; zero: it can
}

// gave reports whether the client has the letter from the log already.
func (k *catchup) gave(l letter) bool { return l.kept() && k.given[l.id] }

// asks reports whether a page is due, once: who hears it must read it.
func (k *catchup) asks() bool {
	due := k.holding && !k.reading
	k.reading = k.reading || due
	return due
}

// begin holds what comes live until the first page is fed, which the caller
// will do without being asked.
func (m *mailbox) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.catch = &catchup{holding: true, reading: true}
}

// hold keeps a live letter back. While the log cannot be read, what nobody keeps
// does not wait for it: an outage of the log says nothing about the client.
func (m *mailbox) hold(l letter, c *Config) (receipt, turn) {
	if m.full(l, c) {
		m.strip()
		if l.kept() {
			return accepted, turn{}
		}
		if m.full(l, c) {
			m.sealed = true
			return overflowed, turn{}
		}
	}
	m.charge(l)
	m.catch.held = append(m.catch.held, l)
	if m.catch.trouble.IsZero() {
		return accepted, turn{}
	}
	return accepted, m.vent()
}

// vent lets go of the held letters that nobody keeps.
func (m *mailbox) vent() turn {
	k := m.catch
	k.held = slices.DeleteFunc(k.held, func(l letter) bool {
		if !l.kept() {
			m.waiting = append(m.waiting, l)
		}
		return !l.kept()
	})
	if !m.attached || m.busy {
		return turn{}
	}
	return m.advance()
}

// strip drops the kept letters that are held: they will come from the log.
func (m *mailbox) strip() {
	m.catch.behind = true
	m.drop(letter.kept)
}

// drop takes letters out of those that are held.
func (m *mailbox) drop(which func(letter) bool) {
	m.catch.held = slices.DeleteFunc(m.catch.held, func(l letter) bool {
		out := which(l)
		if out {
			m.discharge(l)
		}
		return out
	})
}

// miss tells that messages since then may not have come. The announcement, if
// there is one, goes out before what the log brings.
func (m *mailbox) miss(announcement letter, since time.Time, c *Config) (receipt, turn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sealed {
		return turnedDown, turn{}
	}
	if m.catch == nil {
		m.catch = &catchup{}
	}
	k := m.catch
	k.holding = true
	m.strip() // what was held came before the break: the log has it, and what follows
	if k.since.IsZero() || since.Before(k.since) {
		k.since = since
	}
	if len(announcement.payload) == 0 {
		if m.attached && !m.busy {
			return accepted, m.advance()
		}
		return accepted, turn{}
	}
	if m.full(announcement, c) {
		m.sealed = true
		return overflowed, turn{}
	}
	return accepted, m.enqueue(announcement)
}

// feed adds a page of the log. first, if any, is what a client that comes back
// is told before everything, and at is where it stands.
func (m *mailbox) feed(first []byte, at mark, page domain.Replay) turn {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.catch
	if m.sealed || k == nil || !k.reading {
		return turn{}
	}
	k.reading, k.trouble, m.known = false, time.Time{}, true
	if !k.behind {
		k.since = time.Time{} // from here on the log tells where to go on
	}
	k.remember(at, page.Passed)
	m.drop(k.gave) // a lagging subscription brought it before this was known
	if at != (mark{}) {
		m.last = at
	}
	if len(first) > 0 {
		m.waiting = slices.Insert(m.waiting, 0, letter{payload: first, free: true})
	}
	reached := m.append(page.Entries)
	if reached || !page.More && !k.behind {
		m.release(time.Now())
	}
	if !m.attached || m.busy {
		return turn{}
	}
	return m.advance()
}

// append adds the entries of a page up to the first one that is held, and
// reports whether there was one: it and all behind it come live.
func (m *mailbox) append(entries []domain.Kept) (reached bool) {
	k := m.catch
	held := map[mark]bool{}
	for _, l := range k.held {
		if l.kept() {
			held[l.id] = true
		}
	}
	for _, e := range entries {
		l := letter{payload: e.Frame, id: markAt(e.ID), free: true}
		if held[l.id] {
			return true
		}
		m.note(l)
		if !k.given[l.id] {
			k.given[l.id] = true
			m.waiting = append(m.waiting, l)
		}
	}
	return false
}

func (k *catchup) remember(at mark, passed []domain.Position) {
	if k.given == nil {
		k.given = map[mark]bool{}
	}
	for _, p := range passed {
		k.given[markAt(p)] = true
	}
	if at != (mark{}) {
		k.given[at] = true
	}
}

// release ends the catching up: what was held follows.
func (m *mailbox) release(now time.Time) {
	k := m.catch
	for _, l := range k.held {
		m.note(l)
		m.waiting = append(m.waiting, l)
	}
	m.catch = &catchup{given: k.given, until: now.Add(rememberFor)}
}

// abandon gives up what the log would still bring. Kept letters behind the hole
// must not go out: the client would believe that it has all before them.
func (m *mailbox) abandon() {
	k := m.catch
	if !k.holding {
		return
	}
	m.strip()
	m.waiting = append(m.waiting, k.held...)
	k.held, k.holding = nil, false
}

// forget frees what the catching up has left, when it is not needed any more.
func (m *mailbox) forget(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.catch != nil && !m.catch.holding && now.After(m.catch.until) {
		m.catch = nil
	}
}

// failed notes that the log could not be read, and returns since when.
func (m *mailbox) failed(now time.Time) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.catch == nil {
		return now
	}
	if m.catch.trouble.IsZero() {
		m.catch.trouble = now
	}
	return m.catch.trouble
}
