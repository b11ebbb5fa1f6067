package delivery

import (
	"context"
	"errors"
	"time"
	"unique"

	"github.com/huleedu/edge/domain"
)

// positionTimeout bounds the reading of a log's position during a handshake.
const positionTimeout = time.Second

// ErrDraining is returned by Open once the hub drains.
var ErrDraining = errors.New("the node drains and accepts no session")

// SessionRequest is a user's request for a session.
type SessionRequest struct {
	User domain.UserID
	// ID is a UUID that identifies the session's lease in the quota.
	ID string
	// From is the position after which the client wants to resume; empty to replay
	// nothing.
	From domain.Position
	// Origin is the web origin of the page that connects; empty if the client sent none.
	Origin string
	// Conn is the connection on which the session sends.
	Conn Connection
}

// Open returns a new session of the user: it registers the session, reads the
// position of the user's log, acquires a lease, subscribes and reads what the client
// missed. The order ensures that no message is missed that is published from now on.
// The transport then completes its handshake and calls Attach, and End at the end, or
// Dismiss. A failure undoes the steps in reverse order. Errors: ErrDraining,
// QUOTA_EXCEEDED, and those of the listener and of the log.
func (h *Hub) Open(ctx context.Context, r SessionRequest) (*Session, error) {
	s := &Session{
		User: r.User, Correlation: domain.RequestContextOf(ctx).CorrelationID,
		hub: h, conn: r.Conn, id: r.ID, createdAt: time.Now(), origin: unique.Make(r.Origin),
	}
	if r.From != "" {
		s.queue.beginReplay()
	}
	if !h.registry.add(s, h.isOpen) {
		return nil, ErrDraining
	}
	if r.From == "" {
		s.notePosition(ctx)
	}
	if err := h.acquireUser(ctx, r.User, r.ID); err != nil {
		h.registry.discard(s)
		return nil, err
	}
	if err := s.loadMissed(ctx, r.From); err != nil {
		h.releaseUser(r.User, r.ID)
		h.registry.discard(s)
		return nil, err
	}
	s.held.Store(true)
	return s, nil
}

// notePosition records the position of the log for a client that names none, so that
// a later gap is replayed from there. It must be called before the subscription: a
// message that arrives after it lies behind the position. When the log cannot be
// read, a gap is replayed by time.
func (s *Session) notePosition(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, positionTimeout)
	defer cancel()
	if at, err := s.hub.parts.History.Last(ctx, s.User); err == nil {
		s.queue.setPosition(at)
	}
}

// acquireUser acquires a lease of the user's quota and subscribes to the user's
// messages. A failure undoes the steps.
func (h *Hub) acquireUser(ctx context.Context, user domain.UserID, session string) error {
	if err := h.parts.Quota.Acquire(ctx, user, session); err != nil {
		return err
	}
	if err := h.parts.Listener.Follow(ctx, user); err != nil {
		h.parts.Quota.Release(user, session)
		return err
	}
	return nil
}

// releaseUser undoes acquireUser, in reverse order.
func (h *Hub) releaseUser(user domain.UserID, session string) {
	h.parts.Listener.Unfollow(user)
	h.parts.Quota.Release(user, session)
}

// Reclaim makes all nodes end the user's sessions whose clients do not answer, so that
// their leases become free.
func (h *Hub) Reclaim(ctx context.Context, user domain.UserID) {
	h.Check(user) // this node does not depend on the store
	h.parts.Quota.Reclaim(ctx, user)
}
