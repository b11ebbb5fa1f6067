package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/kafka"
)

var (
	errNoSource    = errors.New("is not topic/partition/offset")
	errOmittedGone = errors.New("the dead letter has no value, and its original record is not retained any more: ask the producer to send it again")
	errDigest      = errors.New("the record at dlq_source is not the original: its digest differs")
)

// replayFlags are the flags of "edge dlq replay".
type replayFlags struct{ all, dryRun bool }

func (t tool) replayDeadLettersCommand(f *deadLetterFlags) *cobra.Command {
	var r replayFlags
	c := &cobra.Command{
		Use:   "replay POSITION...",
		Short: "Write dead letters to their topic again, with the same event id",
		Long: "Write the records again as they were, without the headers dlq_*. The event id stays, so that a notification that\n" +
			"was stored meanwhile is not delivered twice. Correct the cause first: else the record becomes a dead letter again.\n" +
			"The dead letters stay in their topic.",
		Example: "  edge dlq replay 0/12 --dry-run\n  edge dlq replay 0/12 1/3\n  edge dlq replay --all",
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case r.all && len(args) > 0:
				return usagef("POSITION %q: --all replays every dead letter; leave out one of them", args[0])
			case !r.all:
				return arguments("POSITION...")(c, args)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			positions := make([]recordPosition, len(args))
			for i, arg := range args {
				var err error
				if positions[i], err = parseRecordPosition(arg); err != nil {
					return err
				}
			}
			return t.withInspector(*f, func(i *kafka.Inspector) error { return t.replay(c.Context(), i, *f, r, positions) })
		},
	}
	c.Flags().BoolVar(&r.all, "all", false, "replay every dead letter")
	c.Flags().BoolVar(&r.dryRun, "dry-run", false, "print what would be written, and write nothing")
	return c
}

// maxReplayed bounds the dead letters of --all, which are held in memory.
const maxReplayed = 10_000

// replay writes dead letters to their topic again. It stops at the first error.
func (t tool) replay(ctx context.Context, i *kafka.Inspector, f deadLetterFlags, r replayFlags, positions []recordPosition) error {
	topic := kafka.DeadLetterTopic(f.topic)
	var letters []deadLetter
	if r.all {
		var err error
		if letters, _, err = newestDeadLetters(ctx, i, topic, maxReplayed); err != nil {
			return err
		}
	}
	for _, at := range positions {
		letter, err := readDeadLetter(ctx, i, topic, at)
		if err != nil {
			return err
		}
		letters = append(letters, letter)
	}
	for _, letter := range letters {
		if err := t.replayOne(ctx, i, f.topic, r.dryRun, letter); err != nil {
			return fmt.Errorf("dead letter %s: %w", letter.position(), err)
		}
	}
	if !*t.json && r.dryRun {
		t.printf("Nothing was written. Without --dry-run %d records are.\n", len(letters))
	}
	return nil
}

func (t tool) replayOne(ctx context.Context, i *kafka.Inspector, topic string, dryRun bool, letter deadLetter) error {
	record, from, err := letter.restored(ctx, i)
	if err != nil {
		return err
	}
	record.Topic = topic
	if !dryRun {
		if err := i.Write(ctx, record); err != nil {
			return err
		}
	}
	if *t.json {
		return t.writeJSON(map[string]any{
			"position": letter.position(), "topic": topic, "event_id": eventID(record.Value), "key": string(record.Key),
			"bytes": len(record.Value), "from": from, "written": !dryRun,
		})
	}
	verb := t.paint(green, "replayed")
	if dryRun {
		verb = t.paint(yellow, "would replay")
	}
	t.printf("%s %s to %s: event id %s, key %s, %d bytes from the %s (it was %s)\n",
		verb, letter.position(), topic, eventID(record.Value), printable(string(record.Key)), len(record.Value), from, printable(letter.reason))
	return nil
}

// restored returns the record as it was before it became a dead letter, and where it comes
// from: the original record while the broker has it, because it is complete, else the dead
// letter.
func (l deadLetter) restored(ctx context.Context, i *kafka.Inspector) (record kafka.Record, from string, err error) {
	original, err := l.original(ctx, i)
	switch {
	case err == nil && l.omitted:
		return original, "original record", l.checkDigest(original)
	case err == nil && string(original.Value) == string(l.Value):
		return original, "original record", nil
	case l.omitted:
		return record, "", errOmittedGone
	}
	record = l.Record
	record.Headers = maps.Clone(l.Headers)
	maps.DeleteFunc(record.Headers, func(name, _ string) bool { return strings.HasPrefix(name, "dlq_") })
	return record, "dead letter", nil
}

// checkDigest returns an error unless the record has the omitted value.
func (l deadLetter) checkDigest(original kafka.Record) error {
	sum := sha256.Sum256(original.Value)
	if hex.EncodeToString(sum[:]) != l.Headers["dlq_value_sha256"] {
		return errDigest
	}
	return nil
}
