package redis

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
)

// heldLeases are the places that this node's sessions hold.
type heldLeases struct {
	node string

	mu              sync.Mutex
	held            map[domain.UserID][]heldLease // few each, and mostly one
	pendingReleases []pendingRelease
}

// heldLease is one session's place.
type heldLease struct {
	session string
	since   time.Time // when the session began
	renewed time.Time // when Redis was last known to hold it; zero: never
}

// renewal is a place that is to be held longer.
type renewal struct {
	leaseKey
	session string
	known   bool // Redis was once told of it
}

// pendingRelease is a place that Redis may hold for a session that is gone.
type pendingRelease struct {
	leaseKey
	since time.Time // it ends by itself a lease later
}

func leaseKeysOf(debts []pendingRelease) []leaseKey {
	out := make([]leaseKey, len(debts))
	for i, d := range debts {
		out[i] = d.leaseKey
	}
	return out
}

func newHeldLeases(node string) *heldLeases {
	return &heldLeases{node: node, held: map[domain.UserID][]heldLease{}}
}

// sinceForm is how a member writes times: in UTC, as long as any other.
const sinceForm = "2006-01-02T15:04:05.000Z"

// member is the session in the user's sorted set: what an operator is told.
// The node's name comes last, because it may hold anything.
func (l *heldLeases) member(held heldLease) string {
	b := append(make([]byte, 0, 128), held.session...)
	b = held.since.UTC().AppendFormat(append(b, ' '), sinceForm)
	return string(append(append(b, ' '), l.node...))
}

// readMember reads a member; one of another shape has only an id.
func readMember(member string) domain.Session {
	id, rest, _ := strings.Cut(member, " ")
	since, node, _ := strings.Cut(rest, " ")
	began, err := time.Parse(sinceForm, since)
	if err != nil {
		return domain.Session{ID: member}
	}
	return domain.Session{ID: id, Node: node, Since: began}
}

func (l *heldLeases) has(user domain.UserID, session string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.find(user, session) != nil
}

// find returns the session's lease, which the lock guards; nil: there is none.
func (l *heldLeases) find(user domain.UserID, session string) *heldLease {
	held := l.held[user]
	for i := range held {
		if held[i].session == session {
			return &held[i]
		}
	}
	return nil
}

// add notes a session's place, once.
func (l *heldLeases) add(user domain.UserID, held heldLease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[user] = append(slices.Clip(l.held[user]), held)
}

// remove returns the member of a session that held a place.
func (l *heldLeases) remove(user domain.UserID, session string) (member string, held bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.find(user, session)
	if old == nil {
		return "", false
	}
	member = l.member(*old)
	rest := slices.DeleteFunc(l.held[user], func(h heldLease) bool { return h.session == session })
	if l.held[user] = rest; len(rest) == 0 {
		delete(l.held, user)
	}
	return member, true
}

// due lists what was not renewed since the given time, and tells when the oldest
// of the others was.
func (l *heldLeases) due(since time.Time) (out []renewal, oldest time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest = time.Now()
	for user, sessions := range l.held {
		for _, held := range sessions {
			if held.renewed.Before(since) {
				out = append(out, renewal{leaseKey{user, l.member(held)}, held.session, !held.renewed.IsZero()})
			} else {
				oldest = earlier(oldest, held.renewed)
			}
		}
	}
	return out, oldest
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// recordRenewal notes what came of a renewal that began at the given time, and
// returns those whose sessions are gone since.
func (l *heldLeases) recordRenewal(done []renewal, at time.Time, known bool) (gone []pendingRelease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range done {
		held := l.find(r.user, r.session)
		switch {
		case held == nil:
			gone = append(gone, pendingRelease{leaseKey: r.leaseKey, since: at})
		case known:
			held.renewed = at
		}
	}
	return gone
}

// markDue makes every lease due that was not renewed since the given time.
func (l *heldLeases) markDue(since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, sessions := range l.held {
		for i := range sessions {
			if sessions[i].renewed.Before(since) {
				sessions[i].renewed = time.Time{}
			}
		}
	}
}

func (l *heldLeases) addPendingReleases(debts []pendingRelease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pendingReleases = append(l.pendingReleases, debts...)
}

// takePendingReleases hands over what is owed and has not ended by itself.
func (l *heldLeases) takePendingReleases(oldest time.Time) (out []pendingRelease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.pendingReleases {
		if d.since.After(oldest) {
			out = append(out, d)
		}
	}
	l.pendingReleases = nil
	return out
}
