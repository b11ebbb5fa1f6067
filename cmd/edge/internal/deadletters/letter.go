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

	"github.com/huleedu/edge/cmd/edge/internal/topics"
)

var (
	errPosition    = errors.New(`must be partition/offset, such as 0/12; "edge dlq list" prints them`)
	errNoSource    = errors.New("is not topic/partition/offset")
	errOmittedGone = errors.New("the dead letter has no value, and its original record is not retained any more: ask the producer to send it again")
	errDigest      = errors.New("the record at dlq_source is not the original: its digest differs")
)

// RecordPosition is the place of a record in a topic.
type RecordPosition struct {
	partition int32
	offset    int64
}

// ParsePosition reads "partition/offset". Its error tells the form.
func ParsePosition(text string) (RecordPosition, error) {
	partition, offset, _ := strings.Cut(text, "/")
	p, err := strconv.ParseInt(partition, 10, 32)
	o, other := strconv.ParseInt(offset, 10, 64)
	if err != nil || other != nil || p < 0 || o < 0 {
		return RecordPosition{}, errPosition
	}
	return RecordPosition{int32(p), o}, nil
}

// Letter is a dead letter with what its headers tell.
type Letter struct {
	*topics.Record

	// Reason and Source are the headers dlq_reason and dlq_source.
	Reason, Source string
	// Omitted reports that the broker refused the value as too large, so that only the
	// original record has it.
	Omitted bool
}

func parse(r *topics.Record) Letter {
	return Letter{Record: r, Reason: header(r, "dlq_reason"), Source: header(r, "dlq_source"), Omitted: header(r, "dlq_value_bytes") != ""}
}

// Newest returns the newest dead letters, oldest first, without their values, and how many the
// topic retains. It reads at most limit records of each partition.
func Newest(ctx context.Context, c *topics.Inspector, topic string, limit int) (letters []View, total int64, err error) {
	total, err = c.Read(ctx, topic, int64(limit), func(r *topics.Record) error {
		letters = append(letters, parse(r).View())
		if len(letters) >= 2*limit {
			letters = newest(letters, limit)
		}
		return nil
	})
	return newest(letters, limit), total, err
}

// newest returns the newest letters, oldest first.
func newest(letters []View, limit int) []View {
	slices.SortStableFunc(letters, func(a, b View) int { return a.Time.Compare(b.Time) })
	return slices.Clone(letters[max(len(letters)-limit, 0):])
}

// Each calls visit for each dead letter that the topic retains now. Those of one key keep their
// order. It stops at the first error.
func Each(ctx context.Context, c *topics.Inspector, topic string, visit func(Letter) error) error {
	_, err := c.Read(ctx, topic, 0, func(r *topics.Record) error { return visit(parse(r)) })
	return err
}

// Read returns the dead letter at a position of the topic. It returns an error if there is none.
func Read(ctx context.Context, c *topics.Inspector, topic string, at RecordPosition) (Letter, error) {
	r, err := c.Record(ctx, topic, at.partition, at.offset)
	if err != nil {
		return Letter{}, fmt.Errorf("dead letter %d/%d of %s: %w", at.partition, at.offset, topic, err)
	}
	return parse(r), nil
}

// Original returns the record that the dead letter was, while the broker has it.
func (l Letter) Original(ctx context.Context, c *topics.Inspector) (*topics.Record, error) {
	parts := strings.Split(l.Source, "/")
	if len(parts) != 3 {
		return nil, fmt.Errorf("dlq_source %q: %w", l.Source, errNoSource)
	}
	at, err := ParsePosition(parts[1] + "/" + parts[2])
	if err != nil {
		return nil, fmt.Errorf("dlq_source %q: %w", l.Source, errNoSource)
	}
	return c.Record(ctx, parts[0], at.partition, at.offset)
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
		Position: l.Position(), Time: l.Timestamp, Reason: l.Reason, Source: l.Source, EventID: EventID(l.Value),
		Key: string(l.Key), Headers: headers,
	}
}

// Restored returns the record as it was before it became a dead letter, and where it comes
// from: the original record while the broker has it, because it is complete, else the dead
// letter.
func (l Letter) Restored(ctx context.Context, c *topics.Inspector) (record *topics.Record, from string, err error) {
	original, err := l.Original(ctx, c)
	switch {
	case err == nil && l.Omitted:
		return original, "original record", l.checkDigest(original)
	case err == nil && bytes.Equal(original.Value, l.Value):
		return original, "original record", nil
	case l.Omitted:
		return nil, "", errOmittedGone
	}
	headers := slices.DeleteFunc(slices.Clone(l.Headers), func(h topics.Header) bool { return strings.HasPrefix(h.Key, "dlq_") })
	return &topics.Record{Key: l.Key, Value: l.Value, Headers: headers}, "dead letter", nil
}

// checkDigest returns an error unless the record has the omitted value.
func (l Letter) checkDigest(original *topics.Record) error {
	sum := sha256.Sum256(original.Value)
	if hex.EncodeToString(sum[:]) != header(l.Record, "dlq_value_sha256") {
		return errDigest
	}
	return nil
}

// header returns the value of the last header with the key; empty if there is none.
func header(r *topics.Record, key string) string {
	for _, h := range slices.Backward(r.Headers) {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}
