package domain

import "time"

// Limit is the number of requests of a class that one party may make in a fixed
// window, which begins with the first request.
type Limit struct {
	// Class is what is limited. Classes are counted separately.
	Class LimitClass
	// Max is the number of requests, at least 1.
	Max int
	// Window is the length of the window, at least a second.
	Window time.Duration
}

// LimitClass is a class of requests with a limit of its own.
type LimitClass string

const (
	// LimitCommands is the class of requests that change a batch.
	LimitCommands LimitClass = "commands"
	// LimitUploads is the class of uploads.
	LimitUploads LimitClass = "uploads"
	// LimitQueries is the class of reads of batches.
	LimitQueries LimitClass = "queries"
	// LimitDefault is the class of forwarded requests and all others.
	LimitDefault LimitClass = "default"
	// LimitRefused is the class of refused tokens, for each network.
	LimitRefused LimitClass = "refused"
)

// LimitClasses lists the classes. It returns a new slice.
func LimitClasses() []LimitClass {
	return []LimitClass{LimitCommands, LimitUploads, LimitQueries, LimitDefault, LimitRefused}
}

// RateDecision is the decision of a rate limiter about one request.
type RateDecision struct {
	// Allowed reports that the request is within the limit. It is counted.
	Allowed bool
	// Remaining is the number of further requests allowed in this window.
	Remaining int
	// Reset is the time until the window ends.
	Reset time.Duration
}
