package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
)

// letter is one notification as a person asks for it.
type letter struct {
	kind, data   string
	redis, kafka string
	kept         bool
	// The rest is only for one that is kept.
	event, batch, class, category, priority string
	action                                  bool
}

func (t tool) notifyCommand() *cobra.Command {
	var l letter
	c := &cobra.Command{
		Use:   "notify USER TYPE",
		Short: "Send a user a notification, as a service of the platform does",
		Long: "Publish a notification on the user's Redis channel: who is not connected never gets it. With --kept,\n" +
			"ask for it on Kafka instead: the notification service keeps it for the user and brings it once.",
		Example: "  edge notify teacher-anna hello\n" +
			"  edge notify teacher-anna hello --data '{\"text\":\"good morning\"}'\n" +
			"  edge notify teacher-anna batch_results_ready --kept --batch batch-anna-1",
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			l.kind = args[1]
			if err := l.check(c); err != nil {
				return err
			}
			if l.kept {
				return t.ask(c.Context(), args[0], l)
			}
			return t.tell(c.Context(), args[0], l)
		},
	}
	f := c.Flags()
	redisFlag(c, &l.redis)
	f.StringVar(&l.data, "data", "{}", "what it says, a JSON object")
	f.BoolVar(&l.kept, "kept", false, "ask for it on Kafka, so that it is kept")
	f.StringVar(&l.kafka, "kafka", "", "host:port of Kafka; without it KAFKA_BOOTSTRAP_SERVERS, else that of \"edge up\" (with --kept)")
	f.StringVar(&l.event, "event-id", "", "the event's id; a second one with the same is not brought again (with --kept)")
	f.StringVar(&l.batch, "batch", "", "batch that it is about (with --kept)")
	f.StringVar(&l.class, "class", "", "class that it is about (with --kept)")
	f.StringVar(&l.category, "category", "", strings.Join(domain.Categories(), ", ")+"; without it, the type's (with --kept)")
	f.StringVar(&l.priority, "priority", "", strings.Join(domain.Priorities(), ", ")+"; without it, the type's (with --kept)")
	f.BoolVar(&l.action, "action-required", false, "the user has to do something (with --kept)")
	return c
}

var (
	errNoType   = errors.New("the type is empty or blank")
	errNoObject = errors.New("must be a JSON object, such as '{\"text\":\"hello\"}'")
	errDirect   = errors.New("is only for a notification that is kept: add --kept")
	errNoWord   = errors.New("is none of these")
)

// check refuses what the notification service would not bring.
func (l letter) check(c *cobra.Command) error {
	if strings.TrimSpace(l.kind) == "" {
		return errNoType
	}
	if _, err := l.payload(); err != nil {
		return err
	}
	for _, name := range []string{"kafka", "event-id", "batch", "class", "category", "priority", "action-required"} {
		if !l.kept && c.Flags().Changed(name) {
			return fmt.Errorf("--%s %w", name, errDirect)
		}
	}
	return errors.Join(oneOf("--category", l.category, domain.Categories()), oneOf("--priority", l.priority, domain.Priorities()))
}

// oneOf lets an empty word pass: there is another for it.
func oneOf(flag, word string, words []string) error {
	if word == "" || slices.Contains(words, word) {
		return nil
	}
	return fmt.Errorf("%s: %q %w: %s", flag, word, errNoWord, strings.Join(words, ", "))
}

// payload is what it says; values stay as they were typed.
func (l letter) payload() (map[string]any, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(l.data), &members); err != nil || members == nil {
		return nil, fmt.Errorf("--data %w", errNoObject)
	}
	out := make(map[string]any, len(members))
	for key, value := range members {
		out[key] = value
	}
	return out, nil
}

// tell publishes on Redis.
func (t tool) tell(ctx context.Context, name string, l letter) error {
	return t.operate(l.redis, name, func(o *redis.Operator, user domain.UserID) error {
		var channels redis.ListenerConfig
		if err := env.Read(&channels, t.vars); err != nil {
			return unusable(err)
		}
		data, err := l.payload()
		if err != nil {
			return err
		}
		frame, err := domain.EncodeJSON(map[string]any{"event": l.kind, "data": data})
		if err != nil {
			return err
		}
		if err := o.Tell(ctx, channels.Prefix(), user, frame); err != nil {
			return err
		}
		t.printf("%s: %s sent to those who are connected\n", user, l.kind)
		return nil
	})
}

// ask writes the record that a producer of the platform would.
func (t tool) ask(ctx context.Context, name string, l letter) error {
	user, err := domain.ParseUserID(name)
	if err != nil {
		return err
	}
	var cfg kafka.PublisherConfig
	if err := env.Read(&cfg, t.withServers("", l.kafka)); err != nil {
		return unusable(err)
	}
	envelope, err := l.envelope(user)
	if err != nil {
		return err
	}
	p, err := kafka.NewPublisher(cfg, &memory.Facts{}, noop.NewTracerProvider(), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	err = p.Publish(ctx, domain.Command{Topic: domain.NotificationTopic, Key: string(user), Envelope: envelope})
	if err := errors.Join(err, p.Close(ctx)); err != nil {
		return err
	}
	t.printf("%s: %s asked for on Kafka (event id %s)\n", user, l.kind, envelope.EventID)
	return nil
}

// envelope is the event that asks for the notification.
func (l letter) envelope(user domain.UserID) (domain.Envelope, error) {
	payload, err := l.payload()
	if err != nil {
		return domain.Envelope{}, err
	}
	n := world.NoticeOf(l.kind)
	n.Payload, n.Batch, n.Class = payload, domain.BatchID(l.batch), l.class
	n.ActionRequired = n.ActionRequired || l.action
	if l.category != "" {
		n.Category = l.category
	}
	if l.priority != "" {
		n.Priority = l.priority
	}
	event, correlation := l.event, uuid.NewString()
	if event == "" {
		event = uuid.NewString()
	}
	data, err := n.Data(user, correlation)
	return domain.Envelope{
		EventID: event, EventType: string(domain.NotificationTopic), EventTimestamp: time.Now(),
		SourceService: "edge", SchemaVersion: domain.SchemaVersion, CorrelationID: correlation, Data: data,
	}, err
}
