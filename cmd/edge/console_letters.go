package main

import (
	"context"
	"fmt"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/cmd/edge/internal/deadletters"
	"github.com/huleedu/edge/domain"
)

// maxShownLetters is the number of dead letters that the console shows.
const maxShownLetters = 100

// consoleLetters reads and replays dead letters for the console.
type consoleLetters struct{ inspector *kafka.Inspector }

// Newest implements console.DeadLetters. A topic that does not exist has no dead letters.
func (l consoleLetters) Newest(ctx context.Context) (any, int, error) {
	topic := kafka.DeadLetterTopic(string(domain.NotificationTopic))
	if partitions, err := l.inspector.Partitions(ctx, topic); err != nil || partitions == 0 {
		return []deadletters.View{}, 0, err
	}
	letters, total, err := deadletters.Newest(ctx, l.inspector, topic, maxShownLetters)
	views := make([]deadletters.View, len(letters))
	for i, letter := range letters {
		views[i] = letter.View()
	}
	return views, total, err
}

// Replay implements console.DeadLetters.
func (l consoleLetters) Replay(ctx context.Context, position string, dryRun bool) (string, error) {
	at, err := deadletters.ParsePosition(position)
	if err != nil {
		return "", fmt.Errorf("%s: %w", position, err)
	}
	topic := string(domain.NotificationTopic)
	letter, err := deadletters.Read(ctx, l.inspector, kafka.DeadLetterTopic(topic), at)
	if err != nil {
		return "", err
	}
	record, from, err := letter.Restored(ctx, l.inspector)
	if err != nil {
		return "", err
	}
	record.Topic = topic
	told := fmt.Sprintf("%d bytes from the %s to %s, event id %s", len(record.Value), from, topic, deadletters.EventID(record.Value))
	if dryRun {
		return "would write " + told, nil
	}
	return "wrote " + told, l.inspector.Write(ctx, record)
}
