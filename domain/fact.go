package domain

import "time"

// Fact is an occurrence that is counted. Facts are plain values of the business; the
// observer maps them to metrics. No fact contains a user id.
type Fact interface{ fact() }

// ServiceStarted reports the build of this process.
type ServiceStarted struct{ Version, Revision string }

// RequestStarted reports that the processing of an HTTP request began.
type RequestStarted struct{}

// RequestServed reports that an HTTP request was answered.
type RequestServed struct {
	Method   string
	Endpoint string // the route's template, never the path
	Status   int
	Duration time.Duration
}

// RequestFailed reports an error response to a client.
type RequestFailed struct {
	Endpoint string // the route's template
	Code     Code
}

// TokenChecked reports that a token was validated.
type TokenChecked struct {
	Result TokenResult
	Cached bool // the result came from the cache
}

// KeySetFetched reports a successful fetch of the key set, and with the zero time that a key
// set is configured and was not fetched yet.
type KeySetFetched struct{ At time.Time }

// TokenResult is the result of a token validation.
type TokenResult string

const (
	// TokenResultSuccess is counted for a valid token.
	TokenResultSuccess TokenResult = "success"
	// TokenResultExpired is counted for a token past its "exp".
	TokenResultExpired TokenResult = "expired"
	// TokenResultInvalid is counted for a token that was refused, but not for its expiry.
	TokenResultInvalid TokenResult = "invalid"
)

// EventPublished reports an event that Kafka confirmed.
type EventPublished struct {
	Topic     Topic
	EventType string
}

// PublishEnded reports the end of an attempt to publish, successful or not.
type PublishEnded struct{ Duration time.Duration }

// ServiceCalled reports the end of a call to a downstream service.
type ServiceCalled struct {
	Service  string
	Method   string
	Endpoint string // the route's template at that service
	Status   int    // 0: no response
	Duration time.Duration
}

// CircuitChanged reports a new state of the circuit breaker of a downstream service,
// and at the start its first state.
type CircuitChanged struct {
	Service string
	State   CircuitState
}

// CircuitState is the state of a circuit breaker.
type CircuitState string

const (
	// CircuitStateClosed is the state that lets all calls pass.
	CircuitStateClosed CircuitState = "closed"
	// CircuitStateHalfOpen is the state that lets a few calls pass, to find out whether the service works again.
	CircuitStateHalfOpen CircuitState = "half_open"
	// CircuitStateOpen is the state that lets no call pass.
	CircuitStateOpen CircuitState = "open"
)

// DependencyChanged reports that a dependency of this process went down or is back, and at
// the start that it is up.
type DependencyChanged struct {
	Name string // of a closed list: "redis", "kafka", "token_keys", ...
	Up   bool
}

// RequestLimited reports a request that was refused by the rate limit of its class.
type RequestLimited struct{ Class LimitClass }

// LimiterDegraded reports that this node began, or stopped, to apply rate limits
// without the other nodes.
type LimiterDegraded struct{ Degraded bool }

// QuotaDegraded reports that this node began, or stopped, to apply the connection
// quota without the other nodes.
type QuotaDegraded struct{ Degraded bool }

// ConnectionLimit reports how many connections this node admits; 0 means any number.
type ConnectionLimit struct{ Max int }

// Transport is how a client receives its notifications. The list is closed, because it is
// a label of metrics.
type Transport string

const (
	// TransportWebSocket is a WebSocket connection (RFC 6455).
	TransportWebSocket Transport = "websocket"
	// TransportSSE is a stream of server-sent events.
	TransportSSE Transport = "sse"
)

// ConnectionAccepted reports a connection that was opened for a user.
type ConnectionAccepted struct{ Transport Transport }

// ConnectionRejected reports a handshake that was refused, by an HTTP error or by a
// close frame.
type ConnectionRejected struct{ Transport Transport }

// ConnectionEnded reports the end of a user's connection.
type ConnectionEnded struct {
	Transport Transport
	Duration  time.Duration
}

// CloseCodeObserved reports a close code that was sent or received, including refusals.
type CloseCodeObserved struct {
	Transport Transport
	Code      int
}

// MessageSent reports a frame that was written to a connection.
type MessageSent struct {
	Bytes   int
	Latency time.Duration // since this process received the message
}

// MessageReplayed reports a notification of a user's log that was written to a
// connection. No MessageSent is reported for it.
type MessageReplayed struct{ Bytes int }

// MessageFailed reports a frame that was not written to a connection.
type MessageFailed struct{ Reason FailureReason }

// FailureReason is the reason why a frame was not written.
type FailureReason string

const (
	// InvalidUTF8 is counted for a message that is not UTF-8.
	InvalidUTF8 FailureReason = "invalid_utf8"
	// MessageTooBig is counted for a message over the size limit.
	MessageTooBig FailureReason = "too_large"
	// SlowConsumer is counted for a message that did not fit into the send queue, and for each in the queue.
	SlowConsumer FailureReason = "slow_consumer"
	// WriteFailed is counted for a message whose connection ended before it was sent.
	WriteFailed FailureReason = "write_error"
)

// FrameReceived reports a frame from a client.
type FrameReceived struct{ Type FrameType }

// FrameType is the type of a client's frame. The list is closed, because it is a
// label of a metric.
type FrameType string

const (
	// FramePing is a {"type":"ping"}, which is answered.
	FramePing FrameType = "ping"
	// FrameRefresh is a {"type":"refresh"}, which replaces the token.
	FrameRefresh FrameType = "refresh"
	// FrameIgnored is a frame of an unknown type; it is ignored.
	FrameIgnored FrameType = "ignored"
)

// SubscriptionConfirmed reports that a subscription to a user's messages was confirmed.
type SubscriptionConfirmed struct {
	Prefix   string // the channels' prefix, never a user's channel
	Duration time.Duration
}

// SubscriptionCount reports the number of users that this process is subscribed to.
type SubscriptionCount struct{ Count int }

// Resubscribed reports that a lost subscription was restored.
type Resubscribed struct{}

// ConsumerDegraded reports that this node stopped, or resumed, to process
// notifications from Kafka, and at the start its first state.
type ConsumerDegraded struct{ Degraded bool }

// PartitionLag reports how many records of a partition that is assigned to this node are not
// processed yet.
type PartitionLag struct {
	Partition int
	Records   int64
	// Released reports that the partition is not assigned to this node any more.
	Released bool
}

// NotificationHandled reports a processed record of the notification topic.
type NotificationHandled struct {
	Result NotificationResult
	Lag    time.Duration // since the record was written; 0 when unknown
}

// NotificationStored reports that a notification was stored and published for the first time.
type NotificationStored struct {
	Type string // any text; metrics count only known types by name
}

// NotificationResult is the result of processing a notification record.
type NotificationResult string

const (
	// NotificationPublished is counted for a record that was stored and published.
	NotificationPublished NotificationResult = "published"
	// NotificationDuplicate is counted for a record whose event was stored before.
	NotificationDuplicate NotificationResult = "duplicate"
	// NotificationDeadLetter is counted for a record that was written to the dead-letter topic.
	NotificationDeadLetter NotificationResult = "dead_letter"
	// NotificationRetried is counted for each failed attempt that will be repeated; the other results end a record.
	NotificationRetried NotificationResult = "retried"
	// NotificationExpired is counted for a record that is older than the log and was skipped.
	NotificationExpired NotificationResult = "expired"
)

func (ServiceStarted) fact()        {}
func (KeySetFetched) fact()         {}
func (ConnectionLimit) fact()       {}
func (NotificationStored) fact()    {}
func (RequestStarted) fact()        {}
func (RequestServed) fact()         {}
func (RequestFailed) fact()         {}
func (TokenChecked) fact()          {}
func (EventPublished) fact()        {}
func (PublishEnded) fact()          {}
func (ServiceCalled) fact()         {}
func (CircuitChanged) fact()        {}
func (DependencyChanged) fact()     {}
func (RequestLimited) fact()        {}
func (LimiterDegraded) fact()       {}
func (QuotaDegraded) fact()         {}
func (ConnectionAccepted) fact()    {}
func (ConnectionRejected) fact()    {}
func (ConnectionEnded) fact()       {}
func (CloseCodeObserved) fact()     {}
func (MessageSent) fact()           {}
func (MessageReplayed) fact()       {}
func (MessageFailed) fact()         {}
func (FrameReceived) fact()         {}
func (SubscriptionConfirmed) fact() {}
func (SubscriptionCount) fact()     {}
func (Resubscribed) fact()          {}
func (ConsumerDegraded) fact()      {}
func (PartitionLag) fact()          {}
func (NotificationHandled) fact()   {}
