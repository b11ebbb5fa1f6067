package redis

import (
	"strings"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
)

// leases are the places that this node's sessions hold.
type leases struct {
	node string

	mu   sync.Mutex
	held map[domain.UserID]map[string]lease // by session
	owed []debt
}

// lease is one session's place.
type lease struct {
	since   time.Time // when the session began
	renewed time.Time // when Redis was last known to hold it; zero: never
}

// renewal is what one user's key is to hold of this node.
type renewal struct {
	user     domain.UserID
	sessions []string
	members  []string // of the sessions, in their order
	known    bool     // Redis was once told of all of them
}

// debt is a place that Redis may hold for a session that is gone.
type debt struct {
	place
	since time.Time // it ends by itself a lease later
}

func placesOf(debts []debt) []place {
	out := make([]place, len(debts))
	for i, d := range debts {
		out[i] = d.place
	}
	return out
}

func newLeases(node string) *leases {
	return &leases{node: node, held: map[domain.UserID]map[string]lease{}}
}

// sinceForm is how a member writes times: in UTC, as long as any other.
const sinceForm = "2006-01-02T15:04:05.000Z"

// member is the session in the user's sorted set: what an operator is told.
// The node's name comes last, because it may hold anything.
func (l *leases) member(session string, held lease) string {
	return session + " " + held.since.UTC().Format(sinceForm) + " " + l.node
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

func (l *leases) has(user domain.UserID, session string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, is := l.held[user][session]
	return is
}

func (l *leases) put(user domain.UserID, session string, held lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sessions := l.held[user]
	if sessions == nil {
		sessions = map[string]lease{}
		l.held[user] = sessions
	}
	sessions[session] = held
}

// remove returns the member of a session that held a place.
func (l *leases) remove(user domain.UserID, session string) (member string, held bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, held := l.held[user][session]
	if !held {
		return "", false
	}
	delete(l.held[user], session)
	if len(l.held[user]) == 0 {
		delete(l.held, user)
	}
	return l.member(session, old), true
}

// due lists the users of whom a lease was not renewed since the given time,
// each with all of its leases.
func (l *leases) due(since time.Time) []renewal {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []renewal
	for user, sessions := range l.held {
		if !anyOlder(sessions, since) {
			continue
		}
		r := renewal{user: user, known: true}
		for session, held := range sessions {
			r.known = r.known && !held.renewed.IsZero()
			r.sessions = append(r.sessions, session)
			r.members = append(r.members, l.member(session, held))
		}
		out = append(out, r)
	}
	return out
}

func anyOlder(sessions map[string]lease, than time.Time) bool {
	for _, held := range sessions {
		if held.renewed.Before(than) {
			return true
		}
	}
	return false
}

// renewed notes what came of a renewal that began at the given time, and
// returns those whose sessions are gone since.
func (l *leases) renewed(done []renewal, at time.Time, known bool) (gone []debt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range done {
		for i, session := range r.sessions {
			held, is := l.held[r.user][session]
			switch {
			case !is:
				gone = append(gone, debt{place: place{r.user, r.members[i]}, since: at})
			case known:
				held.renewed = at
				l.held[r.user][session] = held
			}
		}
	}
	return gone
}

// expire makes every lease due that was not renewed since the given time.
func (l *leases) expire(since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, sessions := range l.held {
		for session, held := range sessions {
			if held.renewed.Before(since) {
				held.renewed = time.Time{}
				sessions[session] = held
			}
		}
	}
}

func (l *leases) owe(debts []debt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owed = append(l.owed, debts...)
}

// debts hands over what is owed and has not ended by itself.
func (l *leases) debts(oldest time.Time) (out []debt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.owed {
		if d.since.After(oldest) {
			out = append(out, d)
		}
	}
	l.owed = nil
	return out
}
