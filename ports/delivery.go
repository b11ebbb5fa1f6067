package ports

import (
	"context"
	"time"

	"github.com/huleedu/edge/domain"
)

// ConnectionManager sends messages to the connections of a user on this node.
//
// Concurrency: safe for any number of callers. Ordering: a connection gets the
// messages of one sending goroutine in the order of its calls. Blocking: only
// Drain; a slow connection is closed and never delays a caller or another connection.
// Errors: none; a message that a connection cannot queue is counted and closes only
// that connection.
type ConnectionManager interface {
	// Send queues the message once on every connection of its user and returns the
	// number of connections.
	Send(message domain.Message) int
	// Total returns the number of connections on this node.
	Total() int
	// CloseUser closes every connection of the user with the given reason and returns
	// their number.
	CloseUser(user domain.UserID, reason error) int
	// Drain refuses new connections, sends queued messages and closes every
	// connection, spread over the adapter's window. It returns nil when no connection
	// is left, also when some peers did not answer their close frame in time; it
	// returns TIMEOUT, wrapping ctx's error, if a connection does not end even then.
	Drain(ctx context.Context) error
}

// MessageListener subscribes to users' messages for the whole process.
//
// Concurrency: Follow and Unfollow are safe for any number of callers and are
// counted: a user is followed until as many Unfollows as Follows. Ordering:
// the messages of one user reach the handler one at a time, in the order of
// the subscription, each once per process however many connections the user
// has. Blocking: Follow, until the subscription is confirmed. Errors:
// CONNECTION_ERROR from Follow when it cannot be confirmed in time, or at once
// when the system is known to be unavailable; the user is then not followed.
// Unavailable: Run restores every subscription and reports the gap to the handler.
type MessageListener interface {
	// Follow returns once every message published from now on will reach the
	// handler.
	Follow(ctx context.Context, user domain.UserID) error
	// Unfollow ends one Follow. Messages may still come for a moment.
	Unfollow(user domain.UserID)
	// Run hands messages to the handler until ctx is done. It is called once.
	Run(ctx context.Context, handler MessageHandler) error
}

// MessageHandler receives the messages of a MessageListener. It must not block: the
// source disconnects a listener that does not read.
type MessageHandler interface {
	// Deliver receives one message. The handler owns the payload.
	Deliver(user domain.UserID, payload []byte)
	// Missed reports, after the subscription was restored, that messages may be lost.
	// A gap may be reported in several calls with different users. The call for a user
	// precedes every message that was published to the user after the gap.
	Missed(gap domain.Gap)
	// Disconnect reports that an operator wants to close every connection of the
	// user. The user may not be followed here. A request during an outage is lost.
	Disconnect(user domain.UserID)
	// Check reports that a node refused a connection of the user because of the quota,
	// so each existing connection must prove that it is alive. The user may not be
	// followed here.
	Check(user domain.UserID)
}

// ConnectionShedder closes the connections that this node can no longer serve.
//
// Concurrency: safe for any number of callers. Blocking: until every
// connection that existed got a close frame, or ctx is done; the others then stay
// open. Errors: none.
type ConnectionShedder interface {
	// Shed closes every connection with the reason, evenly spread over the time.
	Shed(ctx context.Context, reason error, over time.Duration)
}

// ConnectionChecker detects connections with dead peers.
//
// Concurrency: safe for any number of callers. Blocking: never. Errors: none.
// Cost: repeated calls for one user ping each connection at most once in five
// seconds.
type ConnectionChecker interface {
	// Check pings every connection of the user on this node and closes those that
	// do not answer within five seconds.
	Check(user domain.UserID)
}

// NotificationPublisher stores a notification and publishes it to every node.
//
// Concurrency: safe for any number of callers. Ordering: one user's
// notifications are published in the order of their ids, which increase. Atomicity:
// a notification is stored, marked and published in one step or not at all, once per
// event id and user. Blocking: until the store responds. Errors: CONNECTION_ERROR,
// TIMEOUT and SERVICE_UNAVAILABLE when a retry may succeed; PROCESSING_ERROR when it
// cannot; UNKNOWN_ERROR for an error reply that the adapter does not know: Control
// then tells whether the store or the notification is the cause.
type NotificationPublisher interface {
	// Publish stores and publishes the notification. For a known event id it does
	// nothing and returns a duplicate.
	Publish(ctx context.Context, notification domain.Notification) (domain.PublishResult, error)
	// Control runs the operation of Publish with a fixed notification of a test user
	// that no caller can be, on keys in the same slot as the user's. It returns nil
	// when the operation succeeds. It changes nothing in the user's log and reaches no
	// client.
	Control(ctx context.Context, user domain.UserID) error
}

// ConnectionQuota limits the number of connections of a user.
//
// Concurrency: safe for any number of callers; of many concurrent
// calls exactly the limit succeed. Blocking: at most one round trip. Errors:
// QUOTA_EXCEEDED. Unavailable: the limit applies per node, so that the user may have
// as many times more connections as there are nodes.
type ConnectionQuota interface {
	// Acquire takes one of the user's slots for a session, identified by a UUID. It
	// returns nil also when the store is unavailable and this node has a free slot.
	Acquire(ctx context.Context, user domain.UserID, session string) error
	// Release frees the slot of the session. It does nothing for an unknown session.
	Release(user domain.UserID, session string)
	// Reclaim asks every node to check the user's connections, so that connections
	// with dead peers free their slots (see MessageHandler.Check). It does not wait
	// for the result, and a request that cannot be sent is dropped.
	// Blocking: at most one round trip.
	Reclaim(ctx context.Context, user domain.UserID)
}

// NotificationLog reads a user's log of notifications.
//
// Concurrency: safe for any number of callers. Ordering: entries are
// sorted oldest first, in the order of publication. Consistency: an entry that was
// published before the call is part of the result, unless it was trimmed or expired.
// Size: a result is limited in entries and bytes and contains at least one entry if
// there is any; the next page starts after its last entry. Blocking: one round trip. Errors: CONNECTION_ERROR, TIMEOUT,
// SERVICE_UNAVAILABLE.
type NotificationLog interface {
	// Since returns the entries after the position, which must not be PositionLive.
	Since(ctx context.Context, user domain.UserID, after domain.Position) (domain.Replay, error)
	// Recent returns the entries that are at most age old, by the clock of the log.
	// The result is always complete.
	Recent(ctx context.Context, user domain.UserID, age time.Duration) (domain.Replay, error)
	// Last returns the position of the newest entry, or PositionStart for an empty log.
	Last(ctx context.Context, user domain.UserID) (domain.Position, error)
	// Origin returns ctx with the trace context with which the notification at the
	// position was stored. It returns ctx unchanged when that trace is not sampled or
	// the entry does not exist any more.
	Origin(ctx context.Context, user domain.UserID, at domain.Position) (context.Context, error)
}
