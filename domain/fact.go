package domain

import "time"

// Fact is something that happened and is counted. Facts are plain values in
// words of the business; what becomes of them (a metric, a line of a test) is
// the observer's affair. None carries a user's id.
type Fact interface{ fact() }

// RequestStarted is an HTTP request that began to be answered.
type RequestStarted struct{}

// RequestServed is an HTTP request that was answered.
type RequestServed struct {
	Method   string
	Endpoint string // the route's template, never the path
	Status   int
	Took     time.Duration
}

// RequestFailed is an error that was answered to a client.
type RequestFailed struct {
	Endpoint string // the route's template
	Code     Code
}

// TokenChecked is a token that was judged.
type TokenChecked struct {
	Result TokenResult
	Cached bool // the verdict was remembered
}

// TokenResult is what became of a token.
type TokenResult string

// The results of judging a token.
const (
	TokenAccepted TokenResult = "success"
	TokenTooOld   TokenResult = "expired"
	TokenRefused  TokenResult = "invalid"
)

// EventPublished is an event that Kafka has confirmed.
type EventPublished struct {
	Topic     Topic
	EventType string
}

// PublishEnded is an attempt to publish, however it ended.
type PublishEnded struct{ Took time.Duration }

// ServiceCalled is a call to a service behind us that ended.
type ServiceCalled struct {
	Service  string
	Method   string
	Endpoint string // the route's template at that service
	Status   int    // 0: no answer
	Took     time.Duration
}

// CircuitChanged tells that calls to a service behind us are let through
// differently from now on. The first one of a circuit tells how it begins.
type CircuitChanged struct {
	Service string
	State   CircuitState
}

// CircuitState is whether calls to a service are let through.
type CircuitState string

// The states: all calls, a few to try, none.
const (
	CircuitClosed CircuitState = "closed"
	CircuitHalf   CircuitState = "half_open"
	CircuitBroken CircuitState = "open"
)

// RequestLimited is a request that was refused because its party had made too
// many of the class.
type RequestLimited struct{ Class LimitClass }

// LimiterDegraded tells that this node began, or ceased, to decide about
// limits without the other nodes.
type LimiterDegraded struct{ Degraded bool }

// QuotaDegraded tells that this node began, or ceased, to bound users' sockets
// without the other nodes.
type QuotaDegraded struct{ Degraded bool }

// ConnectionAccepted is a socket that was opened for a user.
type ConnectionAccepted struct{}

// ConnectionRejected is a handshake that was refused, before or by closing.
type ConnectionRejected struct{}

// ConnectionEnded is a socket of a user that is gone.
type ConnectionEnded struct{ Lasted time.Duration }

// CloseSeen is a close code that was sent or received, refusals included.
type CloseSeen struct{ Code int }

// MessageSent is a frame written to a socket.
type MessageSent struct {
	Bytes int
	Took  time.Duration // since this process received the message
}

// MessageReplayed is a notification of a user's log that was written to a
// socket. There is no MessageSent for it.
type MessageReplayed struct{ Bytes int }

// MessageFailed is a frame that did not reach a socket.
type MessageFailed struct{ Reason FailureReason }

// FailureReason says why a frame did not reach a socket.
type FailureReason string

// The reasons of the contract.
const (
	InvalidUTF8   FailureReason = "invalid_utf8"
	MessageTooBig FailureReason = "too_large"
	SlowConsumer  FailureReason = "slow_consumer"
	WriteFailed   FailureReason = "write_error"
)

// FrameReceived is a frame that a client sent.
type FrameReceived struct{ Type FrameType }

// FrameType is the kind of a client's frame; a closed list, because it labels
// a metric.
type FrameType string

// The kinds that are told apart; everything else is ignored.
const (
	FramePing    FrameType = "ping"
	FrameRefresh FrameType = "refresh"
	FrameIgnored FrameType = "ignored"
)

// UserFollowed is a subscription to a user's messages that was confirmed.
type UserFollowed struct {
	Prefix string // the channels' prefix, never a user's channel
	Took   time.Duration
}

// SubscriptionsHeld is how many users this process follows now.
type SubscriptionsHeld struct{ Count int }

// Resubscribed is a broken subscription that was brought back.
type Resubscribed struct{}

// ConsumerDegraded tells that this node began, or ceased, to be without
// notifications that wait on Kafka. The first one tells how it begins.
type ConsumerDegraded struct{ Degraded bool }

// NotificationHandled is a record of the notification topic that was judged.
type NotificationHandled struct {
	Result NotificationResult
	Lag    time.Duration // since the record was written; 0 when unknown
}

// NotificationResult is what became of a notification's record.
type NotificationResult string

// The results of the contract.
const (
	NotificationPublished  NotificationResult = "published"
	NotificationDuplicate  NotificationResult = "duplicate"
	NotificationDeadLetter NotificationResult = "dead_letter"
	NotificationRetried    NotificationResult = "retried"
	NotificationExpired    NotificationResult = "expired"
)

func (RequestStarted) fact()      {}
func (RequestServed) fact()       {}
func (RequestFailed) fact()       {}
func (TokenChecked) fact()        {}
func (EventPublished) fact()      {}
func (PublishEnded) fact()        {}
func (ServiceCalled) fact()       {}
func (CircuitChanged) fact()      {}
func (RequestLimited) fact()      {}
func (LimiterDegraded) fact()     {}
func (QuotaDegraded) fact()       {}
func (ConnectionAccepted) fact()  {}
func (ConnectionRejected) fact()  {}
func (ConnectionEnded) fact()     {}
func (CloseSeen) fact()           {}
func (MessageSent) fact()         {}
func (MessageReplayed) fact()     {}
func (MessageFailed) fact()       {}
func (FrameReceived) fact()       {}
func (UserFollowed) fact()        {}
func (SubscriptionsHeld) fact()   {}
func (Resubscribed) fact()        {}
func (ConsumerDegraded) fact()    {}
func (NotificationHandled) fact() {}
