package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/cmd/edge/internal/deadletters"
	"github.com/huleedu/edge/domain"
)

// deadLetterFlags are the flags of all commands below "edge dlq".
type deadLetterFlags struct{ kafka, topic string }

func (t tool) deadLettersCommand() *cobra.Command {
	var f deadLetterFlags
	c := &cobra.Command{
		Use:   "dlq",
		Short: "List, show and replay dead letters",
		Long: "Dead letters are notification requests that the notification service could not process. They lie in the topic\n" +
			"<topic>.dlq, with the reason (dlq_reason) and the place of the original record (dlq_source). These commands\n" +
			"join no consumer group, so that they take nothing from the services.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&f.kafka, "kafka", "", "host:port of Kafka; default: KAFKA_BOOTSTRAP_SERVERS, then the Kafka of \"edge up\"")
	c.PersistentFlags().StringVar(&f.topic, "topic", string(domain.NotificationTopic), "topic of the original records")
	c.AddCommand(t.listDeadLettersCommand(&f), t.showDeadLetterCommand(&f), t.replayDeadLettersCommand(&f))
	return c
}

func (t tool) listDeadLettersCommand(f *deadLetterFlags) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the newest dead letters",
		Example: "  edge dlq list --limit 20",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 1 {
				return usagef("--limit %d: must be at least 1", limit)
			}
			return t.withInspector(*f, func(i *kafka.Inspector) error {
				letters, total, err := deadletters.Newest(c.Context(), i, kafka.DeadLetterTopic(f.topic), limit)
				if err != nil {
					return err
				}
				return t.printDeadLetters(letters, total)
			})
		},
	}
	c.Flags().IntVar(&limit, "limit", 50, "how many dead letters to list")
	return c
}

func (t tool) showDeadLetterCommand(f *deadLetterFlags) *cobra.Command {
	return &cobra.Command{
		Use:     "show POSITION",
		Short:   "Show a dead letter and whether its original record is still there",
		Example: "  edge dlq show 0/12",
		Args:    arguments("POSITION"),
		RunE: func(c *cobra.Command, args []string) error {
			at, err := parsePosition(args[0])
			if err != nil {
				return err
			}
			return t.withInspector(*f, func(i *kafka.Inspector) error {
				letter, err := deadletters.Read(c.Context(), i, kafka.DeadLetterTopic(f.topic), at)
				if err != nil {
					return err
				}
				return t.showDeadLetter(c.Context(), i, letter)
			})
		},
	}
}

// withInspector connects to Kafka, calls do and closes the connections.
func (t tool) withInspector(f deadLetterFlags, do func(*kafka.Inspector) error) error {
	var cfg kafka.ConsumerConfig
	if err := env.Read(&cfg, t.withServers("", f.kafka)); err != nil {
		return usageError{settingsError(err)}
	}
	i, err := kafka.NewInspector(cfg)
	if err != nil {
		return usageError{settingsError(err)}
	}
	defer i.Close()
	if err := do(i); err != nil {
		return fmt.Errorf("%w%s", err, kafkaAdvice(err, cfg.Brokers))
	}
	return nil
}

// kafkaAdvice returns the next step after an error of the connection.
func kafkaAdvice(err error, brokers string) string {
	if text := err.Error(); strings.Contains(text, "dial") || strings.Contains(text, "refused") || strings.Contains(text, "deadline") {
		return "\n  no answer from " + brokers + ": set --kafka or KAFKA_BOOTSTRAP_SERVERS; \"edge doctor\" checks them"
	}
	return ""
}

func (t tool) printDeadLetters(letters []deadletters.Letter, total int) error {
	rows := make([][]string, 0, len(letters))
	for _, l := range letters {
		if *t.json {
			if err := t.writeJSON(l.View()); err != nil {
				return err
			}
		}
		rows = append(rows, []string{l.Position(), l.Time.Format(time.DateTime), printable(l.Reason), printable(l.Source), deadletters.EventID(l.Value), printable(string(l.Key))})
	}
	switch {
	case *t.json:
	case total == 0:
		t.printf("no dead letters\n")
	default:
		t.printTable([]string{"POSITION", "TIME", "REASON", "SOURCE", "EVENT ID", "KEY"}, rows)
		t.printf("%d of %d dead letters. Next: edge dlq show %s\n", len(letters), total, letters[len(letters)-1].Position())
	}
	return nil
}

// showDeadLetter prints one dead letter.
func (t tool) showDeadLetter(ctx context.Context, i *kafka.Inspector, l deadletters.Letter) error {
	_, err := l.Original(ctx, i)
	original := "kept"
	if err != nil {
		original = "gone"
	}
	if *t.json {
		out := l.View()
		out.Value, out.Original = string(l.Value), original
		return t.writeJSON(out)
	}
	rows := [][]string{
		{"position", l.Position()},
		{"time", l.Time.Format(time.DateTime)},
		{"reason", printable(l.Reason)},
		{"source", printable(l.Source) + " (" + original + ")"},
		{"event id", deadletters.EventID(l.Value)},
		{"key", printable(string(l.Key))},
	}
	for _, h := range l.Headers {
		if !strings.HasPrefix(h.Key, "dlq_") {
			rows = append(rows, []string{"header " + printable(h.Key), printable(string(h.Value))})
		}
	}
	t.printTable([]string{"FIELD", "VALUE"}, rows)
	if l.Omitted {
		t.printf("The dead letter has no value: it was too large. The original record has it.\n")
	} else {
		t.printf("\n%s\n\n", printable(string(l.Value)))
	}
	t.printf("Next: edge dlq replay %s --dry-run\n", l.Position())
	return nil
}

// printable quotes a text that a terminal could interpret.
func printable(text string) string {
	quoted := strconv.Quote(text)
	if !utf8.ValidString(text) || strings.Contains(quoted, `\x`) || strings.Contains(quoted, `\u`) {
		return quoted
	}
	return strings.NewReplacer("\r", "", "\x1b", "").Replace(text)
}

// parsePosition reads the argument POSITION.
func parsePosition(text string) (deadletters.RecordPosition, error) {
	at, err := deadletters.ParsePosition(text)
	if err != nil {
		return at, usagef("POSITION %q: %w", text, err)
	}
	return at, nil
}
