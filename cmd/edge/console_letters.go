package main

import (
	"context"
	"fmt"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/cmd/edge/internal/deadletters"
	"github.com/huleedu/edge/cmd/edge/internal/topics"
	"github.com/huleedu/edge/domain"
)

// maxShownLetters is the number of dead letters that the console shows.
const maxShownLetters = 100

// consoleLetters reads and replays dead letters for the console.
type consoleLetters struct{ kafka *topics.Inspector }

// Newest implements console.DeadLetters. A topic that does not exist has no dead letters.
func (l consoleLetters) Newest(ctx context.Context) (any, int64, error) {
	topic := kafka.DeadLetterTopic(string(domain.NotificationTopic))
	letters, total, err := deadletters.Newest(ctx, l.kafka, topic, maxShownLetters)
	if letters == nil {
		letters = []deadletters.View{} // an array in JSON
	}
	return letters, total, err
}

// Replay implements console.DeadLetters.
func (l consoleLetters) Replay(ctx context.Context, position string, dryRun bool) (string, error) {
	at, err := deadletters.ParsePosition(position)
	if err != nil {
		return "", fmt.Errorf("%s: %w", position, err)
	}
	topic := string(domain.NotificationTopic)
	letter, err := deadletters.Read(ctx, l.kafka, kafka.DeadLetterTopic(topic), at)
	if err != nil {
		return "", err
	}
	record, from, err := letter.Restored(ctx, l.kafka)
	if err != nil {
		return "", err
	}
	told := fmt.Sprintf("%d bytes from the %s to %s, event id %s", len(record.Value), from, topic, deadletters.EventID(record.Value))
	if dryRun {
		return "would write " + told, nil
	}
	return "wrote " + told, l.kafka.Write(ctx, topic, *record)
}
