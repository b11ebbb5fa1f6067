package domain

import "time"

// ConnectionState is one connection of a user on this node, as operators see it.
type ConnectionState struct {
	// Session is the UUID of the connection, which is also the id of its lease in the quota.
	Session string
	// Transport is the protocol of the connection.
	Transport Transport
	// Since is when the handshake was complete, or when it began if it is not complete yet.
	Since time.Time
	// LastPosition is the position of the newest kept notification that was sent or is
	// queued; empty if it is not known.
	LastPosition Position
	// QueuedMessages and QueuedBytes are the messages that wait for the client, including
	// the one that is being written. Messages of a replay do not count.
	QueuedMessages, QueuedBytes int
	// Origin is the web origin of the page that connected; empty if the client sent none.
	Origin string
}

// CircuitReport is the state of the calls to one service behind the gateway, as operators see
// it.
type CircuitReport struct {
	// Service is the name of the service in errors and metrics.
	Service string
	// State is the state of its circuit breaker.
	State CircuitState
	// Failures is the number of consecutive failed calls; of an open or half-open circuit,
	// the number that opened it.
	Failures int
	// InFlight is the number of calls that hold a slot of the concurrency limit.
	InFlight int
	// IdleConnections is the number of connections that wait for the next call.
	IdleConnections int
}

// EffectiveSetting is a setting of this process, without secrets.
type EffectiveSetting struct {
	// Name is the main variable.
	Name string
	// Value is the value in the form of the variable. Secrets are redacted, also in URLs.
	Value string
	// Source is where the value comes from: "default", "environment" or a file.
	Source string
	// Variable is the variable that set it, if it is an alias; else empty.
	Variable string
}
