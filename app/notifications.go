package app

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Notifications delivers notifications to users. Notifications from Kafka are stored
// first; messages that other services publish on Redis are only forwarded.
type Notifications struct {
	topic     domain.Topic
	publisher ports.NotificationPublisher
	managers  []ports.ConnectionManager
	observer  ports.Observer
	announce  AnnounceGaps
	maxBytes  int
}

// AnnounceGaps reports whether clients get a "resync" frame after a lost subscription.
type AnnounceGaps bool

// NotificationConfig configures the delivery of notifications.
type NotificationConfig struct {
	// Topic is the topic whose records are accepted.
	Topic domain.Topic
	// MaxBytes is the maximum size of a frame with its id, in bytes; 0 means no limit.
	// Every listener drops larger messages.
	MaxBytes int
	// AnnounceGaps sends "resync" to the users of a lost subscription.
	AnnounceGaps AnnounceGaps
}

// NewNotifications returns the use-case. Every manager gets every message.
func NewNotifications(d NotificationConfig, p ports.NotificationPublisher, m []ports.ConnectionManager, o ports.Observer) *Notifications {
	return &Notifications{topic: d.Topic, announce: d.AnnounceGaps, maxBytes: d.MaxBytes, publisher: p, managers: m, observer: o}
}

var (
	errWrongType = errors.New("event type differs from the topic")
	errTooLarge  = errors.New("frame is too large")
)

// Accept stores and publishes the notification of an event. Errors: PARSING_ERROR and
// VALIDATION_ERROR for an event that can never succeed, and those of the publisher
// port.
func (n *Notifications) Accept(ctx context.Context, event domain.Envelope) (domain.PublishResult, error) {
	if event.EventType != string(n.topic) {
		return domain.PublishResult{}, domain.ParseFailure("event_type", errWrongType)
	}
	request, err := parseNotificationRequest(event.Data, time.Now())
	if err != nil {
		return domain.PublishResult{}, err
	}
	frame := request.frame()
	if n.maxBytes > 0 && domain.MaxFrameSize(frame) > n.maxBytes {
		return domain.PublishResult{}, frameTooLarge(n.maxBytes)
	}
	result, err := n.publisher.Publish(ctx, domain.Notification{
		EventID: event.EventID, User: request.user, Frame: frame,
	})
	if err == nil && !result.Duplicate {
		n.observer.Observe(domain.NotificationStored{Type: request.event})
	}
	return result, err
}

// frameTooLarge returns the error of a notification whose frame every listener would
// drop.
func frameTooLarge(limit int) error {
	failure := domain.Invalid("record", "", fmt.Sprintf("a frame of at most %d bytes", limit), "Notification is too large")
	failure.Reason = domain.ReasonTooLarge
	return failure.WithCause(errTooLarge)
}

// Control runs the operation that failed for the event with a fixed notification of a
// test user. It returns nil when that succeeds, so that the event itself is the cause.
// Errors are those of Accept.
func (n *Notifications) Control(ctx context.Context, event domain.Envelope) error {
	request, err := parseNotificationRequest(event.Data, time.Now())
	if err != nil {
		return err
	}
	return n.publisher.Control(ctx, request.user)
}

// Deliver sends a live message to every connection of the user on this node. It never
// blocks. A payload that is not UTF-8 cannot be a text frame; it is dropped and
// counted.
func (n *Notifications) Deliver(user domain.UserID, payload []byte) {
	if !utf8.Valid(payload) {
		n.observer.Observe(domain.MessageFailed{Reason: domain.InvalidUTF8})
		return
	}
	n.send(domain.Message{User: user, Payload: payload, Received: time.Now()})
}

// Missed tells the users of a lost subscription that live messages may be lost, and
// makes their connections replay the stored notifications of that period.
func (n *Notifications) Missed(gap domain.Gap) {
	var frame []byte
	if n.announce {
		frame = []byte(`{"event":"resync","data":{"reason":"subscription_gap","since":` + formatTime(gap.Since) + `}}`)
	}
	now := time.Now()
	for _, user := range gap.Users {
		n.send(domain.Message{User: user, Payload: frame, Received: now, MissedSince: gap.Since})
	}
}

// Disconnect closes the user's connections on this node, on request of an operator.
func (n *Notifications) Disconnect(user domain.UserID) {
	for _, manager := range n.managers {
		manager.CloseUser(user, domain.Forbidden("Disconnected", nil))
	}
}

// Check closes the user's connections on this node that have no peer any more, because
// the user has no free slot for another one. Managers that cannot check their
// connections are skipped.
func (n *Notifications) Check(user domain.UserID) {
	for _, manager := range n.managers {
		if checker, ok := manager.(ports.ConnectionChecker); ok {
			checker.Check(user)
		}
	}
}

func (n *Notifications) send(m domain.Message) {
	for _, manager := range n.managers {
		manager.Send(m)
	}
}
