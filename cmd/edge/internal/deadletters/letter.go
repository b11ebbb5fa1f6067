// Package deadletters reads the dead letters of the notification service and restores the records
// that they were.
package deadletters

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/huleedu/edge/adapters/kafka"
)

var (
	errPosition    = errors.New(`must be partition/offset, such as 0/12; "edge dlq list" prints them`)
	errNoSource    = errors.New("is not topic/partition/offset")
	errOmittedGone = errors.New("the dead letter has no value, and its original record is not retained any more: ask the producer to send it again")
	errDigest      = errors.New("the record at dlq_source is not the original: its digest differs")
)

// RecordPosition is the place of a record in a topic.
type RecordPosition struct {
	partition int
	offset    int64
}

// ParsePosition reads "partition/offset". Its error tells the form.
func ParsePosition(text string) (RecordPosition, error) {
	partition, offset, _ := strings.Cut(text, "/")
	p, err := strconv.Atoi(partition)
	o, other := strconv.ParseInt(offset, 10, 64)
	if err != nil || other != nil || p < 0 || o < 0 {
		return RecordPosition{}, errPosition
	}
	return RecordPosition{p, o}, nil
}

// Letter is a dead letter with what its headers tell.
type Letter struct {
	kafka.Record

	// Reason and Source are the headers dlq_reason and dlq_source.
	Reason, Source string
	// Omitted reports that the broker refused the value as too large, so that only the
	// original record has it.
	Omitted bool
}

func parse(r kafka.Record) Letter {
	return Letter{Record: r, Reason: header(r, "dlq_reason"), Source: header(r, "dlq_source"), Omitted: header(r, "dlq_value_bytes") != ""}
}

// Newest returns the newest dead letters, oldest first, and how many there are.
func Newest(ctx context.Context, i *kafka.Inspector, topic string, limit int) (letters []Letter, total int, err error) {
	err = i.Read(ctx, topic, func(r kafka.Record) bool {
		total++
		letters = append(letters, parse(r))
		if len(letters) >= 2*limit {
			letters = newest(letters, limit)
		}
		return true
	})
	return newest(letters, limit), total, err
}

// newest returns the newest letters, oldest first.
func newest(letters []Letter, limit int) []Letter {
	slices.SortStableFunc(letters, func(a, b Letter) int { return a.Time.Compare(b.Time) })
	return slices.Clone(letters[max(len(letters)-limit, 0):])
}

// Read returns the dead letter at a position of the topic. It returns an error if there is none.
func Read(ctx context.Context, i *kafka.Inspector, topic string, at RecordPosition) (Letter, error) {
	r, err := i.Record(ctx, topic, at.partition, at.offset)
	if err != nil {
		return Letter{}, fmt.Errorf("dead letter %d/%d of %s: %w", at.partition, at.offset, topic, err)
	}
	return parse(r), nil
}

// Original returns the record that the dead letter was, while the broker has it.
func (l Letter) Original(ctx context.Context, i *kafka.Inspector) (kafka.Record, error) {
	parts := strings.Split(l.Source, "/")
	if len(parts) != 3 {
		return kafka.Record{}, fmt.Errorf("dlq_source %q: %w", l.Source, errNoSource)
	}
	at, err := ParsePosition(parts[1] + "/" + parts[2])
	if err != nil {
		return kafka.Record{}, fmt.Errorf("dlq_source %q: %w", l.Source, errNoSource)
	}
	return i.Record(ctx, parts[0], at.partition, at.offset)
}

// Position returns partition/offset.
func (l Letter) Position() string { return fmt.Sprintf("%d/%d", l.Partition, l.Offset) }

// EventID returns the event id of an envelope; "-" if there is none.
func EventID(value []byte) string {
	var envelope struct {
		ID string `json:"event_id"`
	}
	if json.Unmarshal(value, &envelope) != nil || envelope.ID == "" {
		return "-"
	}
	return envelope.ID
}

// View is a dead letter in the form for programs.
type View struct {
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

// View returns the letter without its value.
func (l Letter) View() View {
	headers := make(map[string]string, len(l.Headers))
	for _, h := range l.Headers {
		headers[h.Key] = string(h.Value)
	}
	return View{
		Position: l.Position(), Time: l.Time, Reason: l.Reason, Source: l.Source, EventID: EventID(l.Value),
		Key: string(l.Key), Headers: headers,
	}
}

// Restored returns the record as it was before it became a dead letter, and where it comes
// from: the original record while the broker has it, because it is complete, else the dead
// letter.
func (l Letter) Restored(ctx context.Context, i *kafka.Inspector) (record kafka.Record, from string, err error) {
	original, err := l.Original(ctx, i)
	switch {
	case err == nil && l.Omitted:
		return original, "original record", l.checkDigest(original)
	case err == nil && bytes.Equal(original.Value, l.Value):
		return original, "original record", nil
	case l.Omitted:
		return record, "", errOmittedGone
	}
	record = l.Record
	record.Headers = slices.DeleteFunc(slices.Clone(l.Headers), func(h kafka.RecordHeader) bool { return strings.HasPrefix(h.Key, "dlq_") })
	return record, "dead letter", nil
}

// checkDigest returns an error unless the record has the omitted value.
func (l Letter) checkDigest(original kafka.Record) error {
	sum := sha256.Sum256(original.Value)
	if hex.EncodeToString(sum[:]) != header(l.Record, "dlq_value_sha256") {
		return errDigest
	}
	return nil
}

// header returns the value of the last header with the key; empty if there is none.
func header(r kafka.Record, key string) string {
	for _, h := range slices.Backward(r.Headers) {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}
