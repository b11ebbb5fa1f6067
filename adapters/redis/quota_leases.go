package redis

import (
	"strings"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
)

// lease is the lease of one session: a member of the user's sorted set.
type lease struct {
	user    domain.UserID
	session string
	member  string
	// confirmed is set if Redis has confirmed the lease. Only the goroutine of Quota.Run uses
	// it after the lease is held.
	confirmed bool
}

// sinceFormat is the format of the time in a member: in UTC, with a fixed length.
const sinceFormat = "2006-01-02T15:04:05.000Z"

// newLease returns the lease of a session that begins now. Operators read its member too. The
// node's name comes last, because it can contain spaces.
func newLease(user domain.UserID, session, node string) *lease {
	since := time.Now().UTC().Format(sinceFormat)
	return &lease{user: user, session: session, member: session + " " + since + " " + node}
}

// parseMember parses a member. A member of another form becomes a session with only an id.
func parseMember(member string) domain.SessionInfo {
	id, rest, _ := strings.Cut(member, " ")
	since, node, _ := strings.Cut(rest, " ")
	began, err := time.Parse(sinceFormat, since)
	if err != nil {
		return domain.SessionInfo{ID: member}
	}
	return domain.SessionInfo{ID: id, Node: node, Since: began}
}

// heldLeases is the leases of this node's sessions.
type heldLeases struct {
	mu   sync.Mutex
	held map[sessionKey]*lease
	// released is the leases of ended sessions that Redis may still have.
	released []*lease
}

type sessionKey struct {
	user domain.UserID
	id   string
}

func newHeldLeases() *heldLeases { return &heldLeases{held: map[sessionKey]*lease{}} }

func (h *heldLeases) has(user domain.UserID, session string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.held[sessionKey{user, session}] != nil
}

func (h *heldLeases) add(l *lease) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held[sessionKey{l.user, l.session}] = l
}

// remove removes the lease of a session and returns it, or nil if the session has none.
func (h *heldLeases) remove(user domain.UserID, session string) *lease {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := sessionKey{user, session}
	l := h.held[key]
	delete(h.held, key)
	return l
}

// all returns the leases of all sessions.
func (h *heldLeases) all() []*lease {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*lease, 0, len(h.held))
	for _, l := range h.held {
		all = append(all, l)
	}
	return all
}

// deferRelease adds leases to those that takeReleased returns.
func (h *heldLeases) deferRelease(leases ...*lease) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.released = append(h.released, leases...)
}

// deferEnded calls deferRelease for those of the leases whose sessions have ended.
func (h *heldLeases) deferEnded(leases []*lease) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range leases {
		if h.held[sessionKey{l.user, l.session}] != l {
			h.released = append(h.released, l)
		}
	}
}

// mustRelease reports whether takeReleased would return a lease.
func (h *heldLeases) mustRelease() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.released) > 0
}

// takeReleased removes and returns the leases that must be released.
func (h *heldLeases) takeReleased() []*lease {
	h.mu.Lock()
	defer h.mu.Unlock()
	released := h.released
	h.released = nil
	return released
}
