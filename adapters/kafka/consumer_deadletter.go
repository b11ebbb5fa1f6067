package kafka

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/huleedu/edge/adapters/internal/backoff"
)

const (
	// deadLetterTimeout limits one call of deadLetters.write.
	deadLetterTimeout = 5 * time.Second
	// maxDeadLetterPause is the longest wait between two attempts to send a dead letter.
	maxDeadLetterPause = 250 * time.Millisecond
)

// DeadLetterTopic returns the topic for records of the given topic that can never succeed.
func DeadLetterTopic(topic string) string { return topic + ".dlq" }

// deadLetter is a record that can never succeed, with the reason and its source,
// "topic/partition/offset".
type deadLetter struct {
	original
	reason, source string
	// accepted is the time of the record, which the broker has accepted before; zero if it is unknown.
	accepted time.Time
}

// deadLetterForm is a dead letter as it is written: complete, or without parts that are too
// large.
type deadLetterForm struct {
	name       string
	key, value []byte
	headers    []kafkago.Header
	time       time.Time
}

// forms returns the forms of the dead letter, from the complete record to one that every
// topic accepts. Headers contain the size and digest of each omitted part.
func (d deadLetter) forms() []deadLetterForm {
	own := []kafkago.Header{
		{Key: "dlq_reason", Value: []byte(d.reason)}, {Key: "dlq_source", Value: []byte(d.source)},
	}
	without := slices.Concat(own, digestHeaders("dlq_value", d.value))
	code, _, _ := strings.Cut(d.reason, ":")
	minimal := slices.Concat([]kafkago.Header{{Key: "dlq_reason", Value: []byte(code)}, own[1]},
		digestHeaders("dlq_value", d.value), digestHeaders("dlq_key", d.key))
	now := time.Now()
	return []deadLetterForm{
		{"complete", d.key, d.value, slices.Concat(d.headers, own), now},
		{"without value", d.key, nil, slices.Concat(d.headers, without), now},
		{"without value and headers", d.key, nil, without, now},
		{"minimal", []byte(d.source), nil, minimal, now},
	}
}

// digestHeaders returns the size and digest of an omitted part. It returns nil if the part
// was null.
func digestHeaders(name string, content []byte) []kafkago.Header {
	if content == nil {
		return nil
	}
	sum := sha256.Sum256(content)
	return []kafkago.Header{
		{Key: name + "_bytes", Value: []byte(strconv.Itoa(len(content)))},
		{Key: name + "_sha256", Value: []byte(hex.EncodeToString(sum[:]))},
	}
}

// deadLetters writes to a dead-letter topic, one record for each request.
type deadLetters struct{ client *topicClient }

// write returns when all in-sync replicas have the dead letter, with the name of its form: the
// first one that the broker does not permanently reject. If the broker rejects the time, because the
// clock of this node is wrong, the dead letter has the time of the record. After an error the outcome
// is unknown; it concerns the topic, the permissions or the connection.
func (d *deadLetters) write(ctx context.Context, letter deadLetter) (form string, err error) {
	ctx, cancel := context.WithTimeout(ctx, deadLetterTimeout)
	defer cancel()
	for _, f := range letter.forms() {
		err = d.writeForm(ctx, f)
		if errors.Is(err, kafkago.InvalidTimestamp) && !letter.accepted.IsZero() {
			f.time = letter.accepted
			err = d.writeForm(ctx, f)
		}
		if err == nil || !permanentlyRejected(err) {
			return f.name, err
		}
	}
	return "", err
}

// writeForm writes one form with the best compression that the broker supports.
func (d *deadLetters) writeForm(ctx context.Context, f deadLetterForm) (err error) {
	for _, codec := range []kafkago.Compression{kafkago.Zstd, kafkago.Gzip, 0} {
		if err = d.produce(ctx, f, codec); !errors.Is(err, kafkago.UnsupportedCompressionType) {
			return err
		}
	}
	return err
}

// produce writes one form. It repeats temporary errors until ctx is done.
func (d *deadLetters) produce(ctx context.Context, f deadLetterForm, codec kafkago.Compression) error {
	for attempt := 0; ; attempt++ {
		err := d.produceOnce(ctx, f, codec)
		if err == nil || permanentlyRejected(err) || !retryable(err) || ctx.Err() != nil {
			return err
		}
		backoff.Wait(ctx, attempt, firstPause, maxDeadLetterPause)
		if ctx.Err() != nil {
			return err
		}
	}
}

func (d *deadLetters) produceOnce(ctx context.Context, f deadLetterForm, codec kafkago.Compression) error {
	partition, err := d.client.partition(ctx, f.key)
	if err != nil {
		return err
	}
	return d.client.produce(ctx, partition, codec, kafkago.Record{
		Time: f.time, Headers: f.headers, Key: protocol.NewBytes(f.key), Value: protocol.NewBytes(f.value),
	})
}

// permanentlyRejected returns true if the broker rejected the record itself, so that it rejects
// the same record each time.
func permanentlyRejected(err error) bool {
	return slices.ContainsFunc([]kafkago.Error{
		kafkago.MessageSizeTooLarge, kafkago.RecordListTooLarge, kafkago.InvalidRecord,
		kafkago.UnsupportedForMessageFormat, kafkago.UnsupportedCompressionType,
	}, func(e kafkago.Error) bool { return errors.Is(err, e) })
}
