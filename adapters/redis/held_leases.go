package redis

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
)

// heldLeases is the leases of this node's sessions.
type heldLeases struct {
	node string

	mu              sync.Mutex
	held            map[domain.UserID][]heldLease // few each, and mostly one
	pendingReleases []pendingRelease
}

// heldLease is the lease of one session.
type heldLease struct {
	session string
	since   time.Time // when the session began
	renewed time.Time // when Redis was last known to hold it; zero: never
}

// renewal is a lease to renew.
type renewal struct {
	leaseKey
	session string
	known   bool // Redis has confirmed it before
}

// pendingRelease is a lease that Redis may still have although its session has ended.
type pendingRelease struct {
	leaseKey
	since time.Time // the lease expires by itself one lease time later
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

// member returns the session's member of the user's sorted set, which operators read too.
// The node's name comes last, because it can contain spaces.
func (l *heldLeases) member(held heldLease) string {
	b := append(make([]byte, 0, 128), held.session...)
	b = held.since.UTC().AppendFormat(append(b, ' '), sinceForm)
	return string(append(append(b, ' '), l.node...))
}

// readMember parses a member. A member of another form becomes a session with only an id.
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

// find returns the session's lease, or nil. The caller must hold the lock.
func (l *heldLeases) find(user domain.UserID, session string) *heldLease {
	held := l.held[user]
	for i := range held {
		if held[i].session == session {
			return &held[i]
		}
	}
	return nil
}

// add adds the lease of a session.
func (l *heldLeases) add(user domain.UserID, held heldLease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[user] = append(slices.Clip(l.held[user]), held)
}

// remove removes the lease of a session and returns its member.
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

// due returns the leases that were not renewed since the given time, and the oldest renewal
// time of the others.
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

// recordRenewal records the result of a renewal that began at the given time. It returns
// the leases whose sessions have ended since.
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

// takePendingReleases removes the pending releases and returns those that have not expired.
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
