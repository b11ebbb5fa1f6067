package model_test

import (
	"slices"
	"strconv"
	"time"
)

// member is the model of one user: what was sent, and what each connection must have received.
type member struct {
	name string
	// stored is the number of notifications that were sent; the service keeps the last of them.
	stored, direct int
	// lines are the clients of the user. A line that is not in open is disconnected.
	lines []*line
	open  []*connection
	// ghosts are connections of killed nodes. They may count for the limit until a time.
	ghosts     int
	ghostsTill time.Time
	// disconnectedTill is until when a node may still receive the last command of an operator.
	disconnectedTill time.Time
}

// connection is an open connection of a line and the frames that it must have received.
type connection struct {
	*line

	expected []string
	// early are frames that were sent before the connection was opened and may still be on their way to it.
	early map[string]bool
	// mayBeDisconnected is true if an operator disconnected the user a moment before the connection
	// was opened: its node may receive the command later.
	mayBeDisconnected bool
}

// late returns the frames of the connection without those that may have been on their way when it was
// opened, and the code of its end, or stillOpen.
func (c *connection) late() (frames []string, code int) {
	frames, code = c.received()
	return slices.DeleteFunc(frames, func(f string) bool { return c.early[f] }), code
}

// early returns the direct messages that were sent so far, and the notifications too for a client
// without a position: what it has not requested may arrive, if it was sent a moment ago.
func (m *member) early(since string) map[string]bool {
	out := map[string]bool{}
	for n := range m.direct {
		out["direct "+strconv.Itoa(n+1)] = true
	}
	if since == "" || since == "$" {
		for n := range m.stored {
			out["stored "+strconv.Itoa(n+1)] = true
		}
	}
	return out
}

// oldestKept returns the number of the oldest notification that the service keeps.
func (m *member) oldestKept() int { return max(1, m.stored-logMax+1) }

// sent adds one frame to what all connections of the user must receive.
func (m *member) sent(frame string) {
	for _, c := range m.open {
		c.expected = append(c.expected, frame)
	}
}

// sendStored returns the number of the next notification, which all connections must receive.
func (m *member) sendStored() int {
	m.stored++
	m.sent("stored " + strconv.Itoa(m.stored))
	return m.stored
}

// sendDirect returns the number of the next direct message, which all connections must receive.
func (m *member) sendDirect() int {
	m.direct++
	m.sent("direct " + strconv.Itoa(m.direct))
	return m.direct
}

// replay returns what a connection receives first that resumes after notification number last; 0 is
// the position before all.
func (m *member) replay(last int) (frames []string) {
	from := last + 1
	if last != 0 && last < m.oldestKept() {
		frames, from = append(frames, "replay_incomplete"), 0
	}
	for n := max(from, m.oldestKept()); n <= m.stored; n++ {
		frames = append(frames, "stored "+strconv.Itoa(n))
	}
	return frames
}

// closed returns the connections that match and removes them from the open ones.
func (m *member) closed(match func(*connection) bool) (out []*connection) {
	m.open = slices.DeleteFunc(m.open, func(c *connection) bool {
		if match(c) {
			out = append(out, c)
			return true
		}
		return false
	})
	return out
}

// mayRefuse reports whether the limit may refuse one more connection, and mustRefuse whether it must.
func (m *member) mayRefuse() bool {
	ghosts := m.ghosts
	if time.Now().After(m.ghostsTill) {
		ghosts = 0
	}
	return len(m.open)+ghosts >= maxConnections
}

func (m *member) mustRefuse() bool { return len(m.open) >= maxConnections }
