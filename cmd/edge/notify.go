package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
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

// notifyArgs holds the arguments of "edge notify".
type notifyArgs struct {
	kind, data string
	kafka      string
	stored     bool
	// The fields below apply only to a stored notification.
	event, batch, class, category, priority string
	action                                  bool
}

func (t tool) notifyCommand() *cobra.Command {
	var l notifyArgs
	var redisURL string
	c := &cobra.Command{
		Use:   "notify USER TYPE",
		Short: "Send a notification to a user, as a platform service does",
		Long: "Publish a notification on the user's Redis channel. Only clients that are connected now receive it.\n" +
			"With --kept, publish it on Kafka instead: the notification service stores it and delivers it once.",
		Example: "  edge notify teacher-anna hello\n" +
			"  edge notify teacher-anna hello --data '{\"text\":\"good morning\"}'\n" +
			"  edge notify teacher-anna batch_results_ready --kept --batch batch-anna-1",
		Args: arguments("USER", "TYPE"), ValidArgsFunction: complete(users(), notificationTypes()),
		RunE: func(c *cobra.Command, args []string) error {
			l.kind = args[1]
			if err := l.validate(c); err != nil {
				return err
			}
			if l.stored {
				return t.publishStored(c.Context(), args[0], l)
			}
			return t.withOperator(redisURL, args[0], func(o *redis.Operator, user domain.UserID) error {
				return t.publishDirect(c.Context(), o, user, l)
			})
		},
	}
	addRedisFlag(c, &redisURL)
	f := c.Flags()
	f.StringVar(&l.data, "data", "{}", "the payload, a JSON object")
	f.BoolVar(&l.stored, "kept", false, "publish on Kafka, so that the notification is stored")
	f.StringVar(&l.kafka, "kafka", "", "host:port of Kafka; default: KAFKA_BOOTSTRAP_SERVERS, then the Kafka of \"edge up\" (with --kept)")
	f.StringVar(&l.event, "event-id", "", "id of the event; a second event with this id is ignored (with --kept)")
	f.StringVar(&l.batch, "batch", "", "id of the batch (with --kept)")
	f.StringVar(&l.class, "class", "", "id of the class (with --kept)")
	f.StringVar(&l.category, "category", "", strings.Join(domain.Categories(), ", ")+"; default: that of the type (with --kept)")
	f.StringVar(&l.priority, "priority", "", strings.Join(domain.Priorities(), ", ")+"; default: that of the type (with --kept)")
	f.BoolVar(&l.action, "action-required", false, "the user must act (with --kept)")
	completeFlag(c, "category", domain.Categories())
	completeFlag(c, "priority", domain.Priorities())
	completeFlag(c, "batch", batches())
	return c
}

var (
	errNoType       = errors.New("the type is empty or blank")
	errNotObject    = errors.New("must be a JSON object, such as '{\"text\":\"hello\"}'")
	errStoredOnly   = errors.New("applies only to stored notifications: add --kept")
	errUnknownValue = errors.New("is not one of")
)

// validate validates the arguments. It rejects a notification that the notification
// service would not deliver.
func (l notifyArgs) validate(c *cobra.Command) error {
	if strings.TrimSpace(l.kind) == "" {
		return usageError{errNoType}
	}
	if _, err := l.payload(); err != nil {
		return err
	}
	for _, name := range []string{"kafka", "event-id", "batch", "class", "category", "priority", "action-required"} {
		if !l.stored && c.Flags().Changed(name) {
			return usagef("--%s %w", name, errStoredOnly)
		}
	}
	return errors.Join(oneOf("--category", l.category, domain.Categories()), oneOf("--priority", l.priority, domain.Priorities()))
}

// oneOf accepts an empty value, which selects the default.
func oneOf(flag, word string, words []string) error {
	if word == "" || slices.Contains(words, word) {
		return nil
	}
	return usagef("%s: %q %w: %s", flag, word, errUnknownValue, strings.Join(words, ", "))
}

// payload decodes --data. The values stay raw JSON, so that numbers keep their
// spelling.
func (l notifyArgs) payload() (map[string]any, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(l.data), &members); err != nil || members == nil {
		return nil, usagef("--data %w", errNotObject)
	}
	out := make(map[string]any, len(members))
	for key, value := range members {
		out[key] = value
	}
	return out, nil
}

// publishDirect publishes the notification on the user's Redis channel.
func (t tool) publishDirect(ctx context.Context, o *redis.Operator, user domain.UserID, l notifyArgs) error {
	vars, err := t.serviceVars()
	if err != nil {
		return err
	}
	var channels redis.ListenerConfig
	if err := env.Read(&channels, vars); err != nil {
		return settingsError(err)
	}
	frame, err := domain.EncodeJSON(map[string]any{"event": l.kind, "data": json.RawMessage(l.data)})
	if err != nil {
		return err
	}
	if err := o.Publish(ctx, channels.Prefix(), user, frame); err != nil {
		return err
	}
	if *t.json {
		return t.writeJSON(map[string]any{"user": user, "type": l.kind, "kept": false})
	}
	t.printf("%s: %s sent to connected clients\n", user, l.kind)
	return nil
}

// publishStored publishes the notification on Kafka, as a platform service does.
func (t tool) publishStored(ctx context.Context, name string, l notifyArgs) error {
	user, err := parseUser(name)
	if err != nil {
		return err
	}
	var cfg kafka.PublisherConfig
	if err := env.Read(&cfg, t.withServers("", l.kafka)); err != nil {
		return settingsError(err)
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
	if *t.json {
		return t.writeJSON(map[string]any{"user": user, "type": l.kind, "kept": true, "event_id": envelope.EventID})
	}
	t.printf("%s: %s published on Kafka (event id %s)\n", user, l.kind, envelope.EventID)
	return nil
}

// envelope builds the event that requests the notification.
func (l notifyArgs) envelope(user domain.UserID) (domain.Envelope, error) {
	payload, err := l.payload()
	if err != nil {
		return domain.Envelope{}, err
	}
	n := world.NotificationRequestOf(l.kind)
	n.Payload, n.Batch, n.Class = payload, domain.BatchID(l.batch), l.class
	n.ActionRequired = n.ActionRequired || l.action
	n.Category, n.Priority = cmp.Or(l.category, n.Category), cmp.Or(l.priority, n.Priority)
	correlation := uuid.NewString()
	data, err := n.Data(user, correlation)
	return domain.Envelope{
		EventID: cmp.Or(l.event, uuid.NewString()), EventType: string(domain.NotificationTopic), EventTimestamp: time.Now(),
		SourceService: "edge", SchemaVersion: domain.SchemaVersion, CorrelationID: correlation, Data: data,
	}, err
}
