package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/cmd/edge/internal/deadletters"
	"github.com/huleedu/edge/cmd/edge/internal/topics"
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
			positions := make([]deadletters.RecordPosition, len(args))
			for i, arg := range args {
				var err error
				if positions[i], err = parsePosition(arg); err != nil {
					return err
				}
			}
			return t.withTopics(*f, func(k *topics.Inspector) error { return t.replay(c.Context(), k, *f, r, positions) })
		},
	}
	c.Flags().BoolVar(&r.all, "all", false, "replay every dead letter")
	c.Flags().BoolVar(&r.dryRun, "dry-run", false, "print what would be written, and write nothing")
	return c
}

// replay writes dead letters to their topic again. It stops at the first error.
func (t tool) replay(ctx context.Context, k *topics.Inspector, f deadLetterFlags, r replayFlags, positions []deadletters.RecordPosition) error {
	deadTopic, count := kafka.DeadLetterTopic(f.topic), 0
	one := func(letter deadletters.Letter) error {
		count++
		if err := t.replayOne(ctx, k, f.topic, r.dryRun, letter); err != nil {
			return fmt.Errorf("dead letter %s: %w", letter.Position(), err)
		}
		return nil
	}
	if r.all {
		if err := deadletters.Each(ctx, k, deadTopic, one); err != nil {
			return err
		}
	}
	for _, at := range positions {
		letter, err := deadletters.Read(ctx, k, deadTopic, at)
		if err != nil {
			return err
		}
		if err := one(letter); err != nil {
			return err
		}
	}
	if !*t.json && r.dryRun {
		t.printf("Nothing was written. Without --dry-run %d records are.\n", count)
	}
	return nil
}

func (t tool) replayOne(ctx context.Context, k *topics.Inspector, topic string, dryRun bool, letter deadletters.Letter) error {
	record, from, err := letter.Restored(ctx, k)
	if err != nil {
		return err
	}
	if !dryRun {
		if err := k.Write(ctx, topic, *record); err != nil {
			return err
		}
	}
	if *t.json {
		return t.writeJSON(map[string]any{
			"position": letter.Position(), "topic": topic, "event_id": deadletters.EventID(record.Value), "key": string(record.Key),
			"bytes": len(record.Value), "from": from, "written": !dryRun,
		})
	}
	verb := t.paint(green, "replayed")
	if dryRun {
		verb = t.paint(yellow, "would replay")
	}
	t.printf("%s %s to %s: event id %s, key %s, %d bytes from the %s (it was %s)\n",
		verb, letter.Position(), topic, deadletters.EventID(record.Value), printable(string(record.Key)), len(record.Value), from, printable(letter.Reason))
	return nil
}
