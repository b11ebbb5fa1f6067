package domain

import "time"

// Limit is how many requests of a class one party may make in a fixed window
// that begins with the first of them.
type Limit struct {
	// Class names what is limited: requests of different classes do not count
	// against each other.
	Class LimitClass
	// Max is the number of requests, at least 1.
	Max int
	// Window is the length of the window, at least a second.
	Window time.Duration
}

// LimitClass names a kind of request.
type LimitClass string

// The classes of the contract; refused tokens are a class of their own.
const (
	LimitCommands LimitClass = "commands"
	LimitUploads  LimitClass = "uploads"
	LimitQueries  LimitClass = "queries"
	LimitDefault  LimitClass = "default"
	LimitRefused  LimitClass = "refused"
)

// LimitClasses lists the classes. The slice is the caller's own.
func LimitClasses() []LimitClass {
	return []LimitClass{LimitCommands, LimitUploads, LimitQueries, LimitDefault, LimitRefused}
}

// Allowance is the decision about one request.
type Allowance struct {
	// Allowed says that the request is within the limit. It has been counted.
	Allowed bool
	// Remaining is how many more are within the limit in this window.
	Remaining int
	// Reset is the time until the window ends.
	Reset time.Duration
}
