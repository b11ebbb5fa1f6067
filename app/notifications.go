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

// Notifications brings users what concerns them: those that the platform asks
// for on Kafka are kept first, those of other services go straight through.
type Notifications struct {
	topic     domain.Topic
	publisher ports.NotificationPublisher
	managers  []ports.ConnectionManager
	observer  ports.Observer
	announce  AnnounceGaps
	maxBytes  int
}

// AnnounceGaps says whether clients are told of a break in the subscription.
type AnnounceGaps bool

// Delivery says how notifications reach people.
type Delivery struct {
	// Topic is the one whose records are accepted.
	Topic domain.Topic
	// MaxBytes is the largest frame that is accepted, with its id; 0 means no
	// limit. Every listener drops larger messages.
	MaxBytes int
	// Announce sends "resync" to the users of a broken subscription.
	Announce AnnounceGaps
}

// NewNotifications returns the use-case; every manager gets every message.
func NewNotifications(d Delivery, p ports.NotificationPublisher, m []ports.ConnectionManager, o ports.Observer) *Notifications {
	return &Notifications{topic: d.Topic, announce: d.Announce, maxBytes: d.MaxBytes, publisher: p, managers: m, observer: o}
}

var (
	errWrongType = errors.New("event type is not the topic's")
	errTooLarge  = errors.New("frame is too large")
)

// Accept keeps and announces the notification that an event asks for. Errors:
// PARSING_ERROR and VALIDATION_ERROR for an event that can never succeed, and
// what the publisher port returns.
func (n *Notifications) Accept(ctx context.Context, event domain.Envelope) (domain.Handover, error) {
	if event.EventType != string(n.topic) {
		return domain.Handover{}, domain.Unparsable("event_type", errWrongType)
	}
	request, err := parseNotificationRequest(event.Data, time.Now())
	if err != nil {
		return domain.Handover{}, err
	}
	frame := request.frame()
	if n.maxBytes > 0 && domain.MaxFrameSize(frame) > n.maxBytes {
		return domain.Handover{}, frameTooLarge(n.maxBytes)
	}
	return n.publisher.Publish(ctx, domain.Notification{
		EventID: event.EventID, User: request.user, Frame: frame,
	})
}

// frameTooLarge is a notification whose frame every listener would drop.
func frameTooLarge(limit int) error {
	failure := domain.Invalid("record", "", fmt.Sprintf("a frame of at most %d bytes", limit), "Notification is too large")
	failure.Kind = domain.TooLarge
	return failure.Because(errTooLarge)
}

// Control checks whether the publisher can do for a test user what it could not
// do for the event: nil means that the event itself is the cause. Errors: those
// of Accept.
func (n *Notifications) Control(ctx context.Context, event domain.Envelope) error {
	request, err := parseNotificationRequest(event.Data, time.Now())
	if err != nil {
		return err
	}
	return n.publisher.Control(ctx, request.user)
}

// Deliver hands a live message to every connection of the user on this node.
// It never blocks. A payload that is not UTF-8 cannot be a text frame; it is
// dropped and counted.
func (n *Notifications) Deliver(user domain.UserID, payload []byte) {
	if !utf8.Valid(payload) {
		n.observer.Observe(domain.MessageFailed{Reason: domain.InvalidUTF8})
		return
	}
	n.send(domain.Message{User: user, Payload: payload, Received: time.Now()})
}

// Missed tells the users of a broken subscription that live messages may have
// been lost, so that no gap is silent, and has their connections brought up to
// date with those that were kept.
func (n *Notifications) Missed(gap domain.Gap) {
	var frame []byte
	if n.announce {
		frame = []byte(`{"event":"resync","data":{"reason":"subscription_gap","since":` + formatTime(gap.Since) + `}}`)
	}
	now := time.Now()
	for _, user := range gap.Users {
		n.send(domain.Message{User: user, Payload: frame, Received: now, Missed: gap.Since})
	}
}

func (n *Notifications) send(m domain.Message) {
	for _, manager := range n.managers {
		manager.Send(m)
	}
}
