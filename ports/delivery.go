package ports

import (
	"context"
	"time"

	"github.com/huleedu/edge/domain"
)

// ConnectionManager reaches the connections of a user on this node.
//
// Concurrency: safe for any number of callers. Ordering: a connection gets the
// messages of one sending goroutine in the order of its calls. Blocking: only
// Drain; a slow connection is closed, it never delays a caller or another
// connection. Errors: none; what a connection cannot take is counted and
// closes that connection alone.
type ConnectionManager interface {
	// Send queues the message on every connection of its user, once each, and
	// returns on how many.
	Send(message domain.Message) int
	// Count returns how many connections the user has here.
	Count(user domain.UserID) int
	// Total returns how many connections all users have here.
	Total() int
	// CloseUser closes every connection of the user for the given reason and
	// returns how many there were.
	CloseUser(user domain.UserID, reason error) int
	// Drain refuses new connections, lets queued messages go out and closes
	// every connection, spread over the adapter's window. It returns when none
	// is left, or ctx's error when they were cut short.
	Drain(ctx context.Context) error
}

// MessageListener follows users' messages on behalf of the whole process.
//
// Concurrency: Follow and Unfollow are safe for any number of callers and are
// counted: a user is followed until as many Unfollows as Follows. Ordering:
// the messages of one user reach the handler one at a time, in the order of
// the subscription, each once per process however many connections the user
// has. Blocking: Follow, until the subscription is confirmed. Errors:
// CONNECTION_ERROR from Follow when it cannot be confirmed in time, or at once
// when the technology is known to be away; the user is then not followed.
// Away: Run re-establishes every subscription by itself and tells the handler
// of the gap.
type MessageListener interface {
	// Follow returns once every message published from now on will reach the
	// handler.
	Follow(ctx context.Context, user domain.UserID) error
	// Unfollow ends one Follow. Messages may still come for a moment.
	Unfollow(user domain.UserID)
	// Run hands messages to the handler until ctx is done. It is called once.
	Run(ctx context.Context, handler MessageHandler) error
}

// MessageHandler takes what a MessageListener hears. It never blocks: a
// listener that waits is cut off by its source.
type MessageHandler interface {
	// Deliver takes one message. The payload is the handler's own.
	Deliver(user domain.UserID, payload []byte)
	// Missed tells that messages may have been lost, after the subscription is
	// back. A gap may be told in parts, each with other users; a user's part
	// comes before every message that was published to the user after the gap.
	Missed(gap domain.Gap)
	// Disconnect tells that an operator wants every connection of the user
	// closed, whether the user is followed here or not. One that is told during
	// an outage is lost.
	Disconnect(user domain.UserID)
	// Check tells that a node refused the user a connection, because the user has
	// as many as allowed: each connection of the user must show that it is alive.
	// The user may not be followed here.
	Check(user domain.UserID)
}

// ConnectionShedder closes what this node can no longer serve.
//
// Concurrency: safe for any number of callers. Blocking: until every
// connection that there was has been told, or ctx is done; then the others
// stay. Errors: none.
type ConnectionShedder interface {
	// Shed closes every connection for the reason, evenly spread over the time.
	Shed(ctx context.Context, reason error, over time.Duration)
}

// ConnectionChecker finds connections whose peers are gone.
//
// Concurrency: safe for any number of callers. Blocking: never. Errors: none.
// Cost: repeated calls for one user ping each connection at most once in five
// seconds.
type ConnectionChecker interface {
	// Check pings every connection of the user on this node and closes those that
	// do not answer within five seconds.
	Check(user domain.UserID)
}

// NotificationPublisher keeps a notification and hands it to every node.
//
// Concurrency: safe for any number of callers. Ordering: one user's
// notifications are announced in the order of their ids, which grow.
// Atomicity: kept, marked and announced in one step or not at all, once per
// event id and user however often it is repeated. Blocking: until the store
// has answered. Errors: CONNECTION_ERROR, TIMEOUT and SERVICE_UNAVAILABLE when a repeat may
// succeed; PROCESSING_ERROR when it never will; UNKNOWN_ERROR when the store
// answered with an error that the adapter does not know: Control then tells
// whether the store or the notification is the cause.
type NotificationPublisher interface {
	// Publish keeps and announces the notification; for an event seen before it
	// does nothing and says so.
	Publish(ctx context.Context, notification domain.Notification) (domain.Handover, error)
	// Control does the work of Publish with a fixed notification, in the place
	// where the user's notifications are kept but for a test user that no caller
	// can be. It returns nil when the store did that work. It leaves no trace in
	// the user's log, and no client hears of it.
	Control(ctx context.Context, user domain.UserID) error
}

// ConnectionQuota bounds how many sockets a user has.
//
// Concurrency: safe for any number of callers; of many at once exactly the
// limit succeed. Blocking: at most one round trip. Errors: QUOTA_EXCEEDED.
// Away: the bound holds per node.
type ConnectionQuota interface {
	// Acquire takes one of the user's places for a session, which is named by a
	// UUID.
	Acquire(ctx context.Context, user domain.UserID, session string) error
	// Release gives the place back; for a session without one it does nothing.
	Release(user domain.UserID, session string)
	// Reclaim asks every node to check the user's connections, so that those
	// whose peers are gone give their places back (see MessageHandler.Check). It
	// does not wait for them, and a request that cannot be sent is dropped.
	// Blocking: at most one round trip.
	Reclaim(ctx context.Context, user domain.UserID)
}

// NotificationLog replays what a user missed.
//
// Concurrency: safe for any number of callers. Ordering: entries come oldest
// first, in the order in which they were announced. Consistency: an entry that
// was announced before the call is part of its answer, unless it was trimmed
// or has expired. Size: an answer is bounded in entries and bytes and holds at
// least one entry if there is any; the rest is asked for behind its last.
// Blocking: one round trip. Errors: CONNECTION_ERROR, TIMEOUT,
// SERVICE_UNAVAILABLE.
type NotificationLog interface {
	// Since returns what the log holds behind the position, which is not Live.
	Since(ctx context.Context, user domain.UserID, after domain.Position) (domain.Replay, error)
	// Recent returns what the log holds of the time up to now, by the log's own
	// clock. The answer is always complete.
	Recent(ctx context.Context, user domain.UserID, age time.Duration) (domain.Replay, error)
	// Last returns the position of the newest entry, Start when there is none.
	Last(ctx context.Context, user domain.UserID) (domain.Position, error)
	// Origin returns ctx within the trace in which the notification at the
	// position was kept; ctx as it is when nobody records that trace, or the
	// entry is gone.
	Origin(ctx context.Context, user domain.UserID, at domain.Position) (context.Context, error)
}
