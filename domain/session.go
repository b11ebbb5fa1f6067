package domain

import "time"

// Session is one socket of a user, as operators are told of it.
type Session struct {
	// ID is the socket's own, a UUID.
	ID string
	// Node is the process that holds it.
	Node string
	// Since is when it was let in, by that node's clock.
	Since time.Time
}
