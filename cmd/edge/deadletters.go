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
	"github.com/huleedu/edge/cmd/edge/internal/topics"
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

// maxListed bounds --limit: the listed dead letters are held in memory, without their values.
const maxListed = 10_000

func (t tool) listDeadLettersCommand(f *deadLetterFlags) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the newest dead letters",
		Long:    "List the newest dead letters, oldest first. Only these are read, however many the topic retains.",
		Example: "  edge dlq list --limit 20",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 1 || limit > maxListed {
				return usagef("--limit %d: must be between 1 and %d", limit, maxListed)
			}
			return t.withTopics(*f, func(k *topics.Inspector) error {
				letters, total, err := deadletters.Newest(c.Context(), k, kafka.DeadLetterTopic(f.topic), limit)
				if err != nil {
					return err
				}
				return t.printDeadLetters(letters, total)
			})
		},
	}
	c.Flags().IntVar(&limit, "limit", 50, fmt.Sprintf("how many of the newest dead letters to list, at most %d", maxListed))
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
			return t.withTopics(*f, func(k *topics.Inspector) error {
				letter, err := deadletters.Read(c.Context(), k, kafka.DeadLetterTopic(f.topic), at)
				if err != nil {
					return err
				}
				return t.showDeadLetter(c.Context(), k, letter)
			})
		},
	}
}

// withTopics connects to Kafka, calls do and closes the connections.
func (t tool) withTopics(f deadLetterFlags, do func(*topics.Inspector) error) error {
	var cfg kafka.ConsumerConfig
	if err := env.Read(&cfg, t.withServers("", f.kafka)); err != nil {
		return settingsError(err)
	}
	k, err := topics.Open(cfg)
	if err != nil {
		return settingsError(err)
	}
	defer k.Close()
	if err := do(k); err != nil {
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

func (t tool) printDeadLetters(letters []deadletters.View, total int64) error {
	rows := make([][]string, 0, len(letters))
	for _, l := range letters {
		if *t.json {
			if err := t.writeJSON(l); err != nil {
				return err
			}
		}
		rows = append(rows, []string{l.Position, l.Time.Format(time.DateTime), printable(l.Reason), printable(l.Source), l.EventID, printable(l.Key)})
	}
	switch {
	case *t.json:
	case len(letters) == 0:
		t.printf("no dead letters\n")
	default:
		t.printTable([]string{"POSITION", "TIME", "REASON", "SOURCE", "EVENT ID", "KEY"}, rows)
		if total > int64(len(letters)) {
			t.printf("The newest %d of %d dead letters; --limit lists more.\n", len(letters), total)
		} else {
			t.printf("%d dead letters.\n", len(letters))
		}
		t.printf("Next: edge dlq show %s\n", letters[len(letters)-1].Position)
	}
	return nil
}

// showDeadLetter prints one dead letter.
func (t tool) showDeadLetter(ctx context.Context, k *topics.Inspector, l deadletters.Letter) error {
	_, err := l.Original(ctx, k)
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
		{"time", l.Timestamp.Format(time.DateTime)},
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
