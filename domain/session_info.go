package domain

import "time"

// SessionInfo describes a connection of a user for operators.
type SessionInfo struct {
	// ID is the id of the connection, a UUID.
	ID string
	// Node is the process that holds it.
	Node string
	// Since is when the connection was accepted, by the clock of its node.
	Since time.Time
}
