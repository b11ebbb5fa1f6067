package ports

import "github.com/huleedu/edge/domain"

// ConnectionLister lists the connections of a user on this node, for operators.
//
// Concurrency: safe for any number of callers. Blocking: never. Errors: none; an unknown
// user has no connections. Cost: the quota bounds the result.
type ConnectionLister interface {
	// Connections returns the state of each connection that Total counts, in the order in
	// which they were opened.
	Connections(user domain.UserID) []domain.ConnectionState
}

// CircuitReporter reports the state of the calls to services behind the gateway, for
// operators.
//
// Concurrency: safe for any number of callers. Blocking: never. Errors: none.
type CircuitReporter interface {
	// Circuits returns one report for each service.
	Circuits() []domain.CircuitReport
}
