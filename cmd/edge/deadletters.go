package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/adapters/kafka"
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
				letters, total, err := newestDeadLetters(c.Context(), i, kafka.DeadLetterTopic(f.topic), limit)
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
			at, err := parseRecordPosition(args[0])
			if err != nil {
				return err
			}
			return t.withInspector(*f, func(i *kafka.Inspector) error {
				letter, err := readDeadLetter(c.Context(), i, kafka.DeadLetterTopic(f.topic), at)
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

// recordPosition is the place of a record in a topic.
type recordPosition struct {
	partition int
	offset    int64
}

// parseRecordPosition reads "partition/offset".
func parseRecordPosition(text string) (recordPosition, error) {
	partition, offset, _ := strings.Cut(text, "/")
	p, err := strconv.Atoi(partition)
	o, other := strconv.ParseInt(offset, 10, 64)
	if err != nil || other != nil || p < 0 || o < 0 {
		return recordPosition{}, usagef("POSITION %q: must be partition/offset, such as 0/12; \"edge dlq list\" prints them", text)
	}
	return recordPosition{p, o}, nil
}

// deadLetter is a dead letter with what its headers tell.
type deadLetter struct {
	kafka.Record

	reason string
	source string
	// omitted reports that the broker refused the value as too large, so that only the
	// original record has it.
	omitted bool
}

func parseDeadLetter(r kafka.Record) deadLetter {
	_, omitted := r.Headers["dlq_value_bytes"]
	return deadLetter{Record: r, reason: r.Headers["dlq_reason"], source: r.Headers["dlq_source"], omitted: omitted}
}

// newestDeadLetters returns the newest dead letters, oldest first, and how many there are.
func newestDeadLetters(ctx context.Context, i *kafka.Inspector, topic string, limit int) (letters []deadLetter, total int, err error) {
	err = i.Read(ctx, topic, func(r kafka.Record) bool {
		total++
		letters = append(letters, parseDeadLetter(r))
		if len(letters) >= 2*limit {
			letters = newest(letters, limit)
		}
		return true
	})
	return newest(letters, limit), total, err
}

// newest returns the newest letters, oldest first.
func newest(letters []deadLetter, limit int) []deadLetter {
	slices.SortStableFunc(letters, func(a, b deadLetter) int { return a.Time.Compare(b.Time) })
	return slices.Clone(letters[max(len(letters)-limit, 0):])
}

func readDeadLetter(ctx context.Context, i *kafka.Inspector, topic string, at recordPosition) (deadLetter, error) {
	r, err := i.Record(ctx, topic, at.partition, at.offset)
	if err != nil {
		return deadLetter{}, fmt.Errorf("dead letter %d/%d of %s: %w", at.partition, at.offset, topic, err)
	}
	return parseDeadLetter(r), nil
}

// original returns the record that the dead letter was, while the broker has it.
func (l deadLetter) original(ctx context.Context, i *kafka.Inspector) (kafka.Record, error) {
	parts := strings.Split(l.source, "/")
	if len(parts) != 3 {
		return kafka.Record{}, fmt.Errorf("dlq_source %q: %w", l.source, errNoSource)
	}
	at, err := parseRecordPosition(parts[1] + "/" + parts[2])
	if err != nil {
		return kafka.Record{}, fmt.Errorf("dlq_source %q: %w", l.source, errNoSource)
	}
	return i.Record(ctx, parts[0], at.partition, at.offset)
}

// position returns partition/offset.
func (l deadLetter) position() string { return fmt.Sprintf("%d/%d", l.Partition, l.Offset) }

// eventID returns the event id of an envelope; "-" if there is none.
func eventID(value []byte) string {
	var envelope struct {
		ID string `json:"event_id"`
	}
	if json.Unmarshal(value, &envelope) != nil || envelope.ID == "" {
		return "-"
	}
	return envelope.ID
}

// deadLetterJSON is a dead letter in the output of --json.
type deadLetterJSON struct {
	Position string            `json:"position"`
	Time     time.Time         `json:"time"`
	Reason   string            `json:"reason"`
	Source   string            `json:"source"`
	EventID  string            `json:"event_id"`
	Key      string            `json:"key"`
	Headers  map[string]string `json:"headers"`
	Value    string            `json:"value,omitempty"`
	// Original is "kept", "gone", or empty if it was not looked for.
	Original string `json:"original,omitempty"`
}

func (l deadLetter) json() deadLetterJSON {
	return deadLetterJSON{
		Position: l.position(), Time: l.Time, Reason: l.reason, Source: l.source, EventID: eventID(l.Value),
		Key: string(l.Key), Headers: l.Headers,
	}
}

func (t tool) printDeadLetters(letters []deadLetter, total int) error {
	rows := make([][]string, 0, len(letters))
	for _, l := range letters {
		if *t.json {
			if err := t.writeJSON(l.json()); err != nil {
				return err
			}
		}
		rows = append(rows, []string{l.position(), l.Time.Format(time.DateTime), printable(l.reason), printable(l.source), eventID(l.Value), printable(string(l.Key))})
	}
	switch {
	case *t.json:
	case total == 0:
		t.printf("no dead letters\n")
	default:
		t.printTable([]string{"POSITION", "TIME", "REASON", "SOURCE", "EVENT ID", "KEY"}, rows)
		t.printf("%d of %d dead letters. Next: edge dlq show %s\n", len(letters), total, letters[len(letters)-1].position())
	}
	return nil
}

// showDeadLetter prints one dead letter.
func (t tool) showDeadLetter(ctx context.Context, i *kafka.Inspector, l deadLetter) error {
	_, err := l.original(ctx, i)
	original := "kept"
	if err != nil {
		original = "gone"
	}
	if *t.json {
		out := l.json()
		out.Value, out.Original = string(l.Value), original
		return t.writeJSON(out)
	}
	rows := [][]string{
		{"position", l.position()}, {"time", l.Time.Format(time.DateTime)}, {"reason", printable(l.reason)},
		{"source", printable(l.source) + " (" + original + ")"}, {"event id", eventID(l.Value)}, {"key", printable(string(l.Key))},
	}
	for _, name := range slices.Sorted(maps.Keys(l.Headers)) {
		if !strings.HasPrefix(name, "dlq_") {
			rows = append(rows, []string{"header " + printable(name), printable(l.Headers[name])})
		}
	}
	t.printTable([]string{"FIELD", "VALUE"}, rows)
	if l.omitted {
		t.printf("The dead letter has no value: it was too large. The original record has it.\n")
	} else {
		t.printf("\n%s\n\n", printable(string(l.Value)))
	}
	t.printf("Next: edge dlq replay %s --dry-run\n", l.position())
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
