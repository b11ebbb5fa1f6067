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
	"github.com/segmentio/kafka-go/protocol/metadata"

	"github.com/huleedu/edge/adapters/internal/backoff"
)

const (
	// deadLetterTimeout bounds one attempt to write a dead letter.
	deadLetterTimeout = 5 * time.Second
	deadLetterPause   = 250 * time.Millisecond
)

// deadLetterTopic is where the records of a topic go that can never succeed.
func deadLetterTopic(topic string) string { return topic + ".dlq" }

// deadLetter is a record that can never succeed, with the reason and its source, "topic/partition/offset".
type deadLetter struct {
	original
	reason, source string
}

// deadLetterForm is one way to write a dead letter.
type deadLetterForm struct {
	name       string
	key, value []byte
	headers    []kafkago.Header
}

// forms are the ways to write the dead letter, from the complete copy to one that
// any topic takes. What is left out is described by its size and digest.
func (d deadLetter) forms() []deadLetterForm {
	own := []kafkago.Header{
		{Key: "dlq_reason", Value: []byte(d.reason)}, {Key: "dlq_source", Value: []byte(d.source)},
	}
	without := slices.Concat(own, digestHeaders("dlq_value", d.value))
	code, _, _ := strings.Cut(d.reason, ":")
	minimal := slices.Concat([]kafkago.Header{{Key: "dlq_reason", Value: []byte(code)}, own[1]},
		digestHeaders("dlq_value", d.value), digestHeaders("dlq_key", d.key))
	return []deadLetterForm{
		{"complete", d.key, d.value, slices.Concat(d.headers, own)},
		{"without value", d.key, nil, slices.Concat(d.headers, without)},
		{"without value and headers", d.key, nil, without},
		{"minimal", []byte(d.source), nil, minimal},
	}
}

// digestHeaders describes what is left out; nothing for what was null.
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

// deadLetters writes to a dead-letter topic, one record a request: there are few.
type deadLetters struct {
	topic     string
	client    *kafkago.Client
	transport *kafkago.Transport
}

func newDeadLetters(brokers, topic string, connect transportFactory) *deadLetters {
	transport := connect(topic)
	client := &kafkago.Client{Addr: kafkago.TCP(addresses(brokers)...), Transport: transport}
	return &deadLetters{topic: topic, client: client, transport: transport}
}

// close lets go of the connections; nothing is being written any more.
func (d *deadLetters) close() { d.transport.CloseIdleConnections() }

// write returns once all in-sync replicas have the letter, with the form in which
// they have it: the first that the broker does not refuse for good. Any other
// error, of the topic, the rights or the way there, is returned, and the outcome
// is unknown.
func (d *deadLetters) write(ctx context.Context, letter deadLetter) (form string, err error) {
	ctx, cancel := context.WithTimeout(ctx, deadLetterTimeout)
	defer cancel()
	for _, f := range letter.forms() {
		if err = d.writeForm(ctx, f); err == nil || !permanentlyRefused(err) {
			return f.name, err
		}
	}
	return "", err
}

// writeForm writes one form with the best compression that the broker knows.
func (d *deadLetters) writeForm(ctx context.Context, f deadLetterForm) (err error) {
	for _, codec := range []kafkago.Compression{kafkago.Zstd, kafkago.Gzip, 0} {
		if err = d.produce(ctx, f, codec); !errors.Is(err, kafkago.UnsupportedCompressionType) {
			return err
		}
	}
	return err
}

// produce writes one form; temporary errors are tried again until ctx is done.
func (d *deadLetters) produce(ctx context.Context, f deadLetterForm, codec kafkago.Compression) error {
	for attempt := 0; ; attempt++ {
		err := d.produceOnce(ctx, f, codec)
		if err == nil || permanentlyRefused(err) || !retryable(err) || ctx.Err() != nil {
			return err
		}
		backoff.Wait(ctx, attempt, firstPause, deadLetterPause)
		if ctx.Err() != nil {
			return err
		}
	}
}

func (d *deadLetters) produceOnce(ctx context.Context, f deadLetterForm, codec kafkago.Compression) error {
	partition, err := d.partition(ctx, f.key)
	if err != nil {
		return err
	}
	response, err := d.client.Produce(ctx, &kafkago.ProduceRequest{
		Topic: d.topic, Partition: partition, RequiredAcks: kafkago.RequireAll, Compression: codec,
		Records: kafkago.NewRecordReader(kafkago.Record{
			Time: time.Now(), Headers: f.headers, Key: protocol.NewBytes(f.key), Value: protocol.NewBytes(f.value),
		}),
	})
	if err != nil {
		return err
	}
	return response.Error
}

// partition finds where the key belongs. A missing topic is asked for, which
// creates it where the brokers allow that.
func (d *deadLetters) partition(ctx context.Context, key []byte) (int, error) {
	response, err := d.transport.RoundTrip(ctx, d.client.Addr, &metadata.Request{
		TopicNames: []string{d.topic}, AllowAutoTopicCreation: true,
	})
	if err != nil {
		return 0, err
	}
	known, ok := response.(*metadata.Response)
	if !ok || len(known.Topics) != 1 {
		return 0, errNoPartitions
	}
	if code := known.Topics[0].ErrorCode; code != 0 {
		return 0, kafkago.Error(code)
	}
	if len(known.Topics[0].Partitions) == 0 {
		return 0, errNoPartitions
	}
	all := make([]int, len(known.Topics[0].Partitions))
	for i := range all {
		all[i] = i
	}
	return kafkago.Murmur2Balancer{}.Balance(kafkago.Message{Key: key}, all...), nil
}

// permanentlyRefused reports whether the broker refused the record itself, so that the
// same record is refused every time.
func permanentlyRefused(err error) bool {
	return slices.ContainsFunc([]kafkago.Error{
		kafkago.MessageSizeTooLarge, kafkago.RecordListTooLarge, kafkago.InvalidRecord,
		kafkago.UnsupportedForMessageFormat, kafkago.UnsupportedCompressionType,
	}, func(e kafkago.Error) bool { return errors.Is(err, e) })
}
