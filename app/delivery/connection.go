package delivery

import (
	"errors"

	"github.com/huleedu/edge/domain"
)

// Connection is what a transport implements for one session. No method blocks, except
// Close.
//
// The connection's own goroutine calls Session.Attach when messages can be written,
// and Session.End when the connection has ended; a panic in it is handled by
// Session.Recover.
type Connection interface {
	// TrySend writes the frame and returns true, or returns false and writes it
	// later. After false the connection calls Session.Sent when the message is
	// written; until then TrySend is not called again. A message that cannot be
	// written ends the connection.
	TrySend(f Frame) (sent bool)
	// Closing reports that the session ends and why, once and possibly before Attach.
	// The queued messages may still follow. From now on the connection must end in
	// bounded time, also when the client takes no message.
	Closing(reason error)
	// Close tells the client the reason and ends the connection once the client has
	// answered or a time limit has passed. It is called after Attach and Closing, when
	// no message must follow any more. It may be called repeatedly and concurrently,
	// and may block while it writes to the client. It returns false when the reason
	// cannot be sent.
	Close(reason error) (sent bool)
	// Abort ends the connection at once.
	Abort()
}

// Frame is a message as a transport writes it.
type Frame struct {
	// Payload is the text, which must not be changed.
	Payload []byte

	id       streamID
	position bool // the payload tells the client its position
}

// Position returns the position in the user's log that the client has reached with this
// frame; empty if the frame does not change the position.
func (f Frame) Position() domain.Position {
	if at := f.id.position(); at != "" || !f.position {
		return at
	}
	return domain.PositionStart
}

// Checker is implemented by a Connection that can ask its client for an answer.
type Checker interface {
	// Check ends the connection unless the client answers soon. It does not block.
	Check()
}

// This package ends sessions for these reasons. Other reasons are errors of the domain, which the
// client is told, and values of the transport.
var (
	// ErrRestart ends the sessions of a node that drains: the client reconnects.
	ErrRestart = errors.New("the node drains")
	// ErrSlowConsumer ends the session of a client that takes its messages too slowly:
	// it reconnects and resumes.
	ErrSlowConsumer = errors.New("the client takes its messages too slowly")
)
