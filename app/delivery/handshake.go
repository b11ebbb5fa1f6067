package delivery

import "github.com/huleedu/edge/domain"

// Handshake is the outcome of a handshake that a transport answered itself, for the log line
// of the request.
type Handshake struct {
	// User is the caller; empty if the handshake was refused before the caller was known.
	User domain.UserID
	// Refusal is the reason that the client was told by a close frame; nil if it was accepted.
	Refusal error
	// CloseCode is the code of that frame.
	CloseCode int
}
