package kafka_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
)

// publishAnswer is how a publisher answers an error code of the broker.
type publishAnswer struct {
	code   domain.Code
	reason domain.Reason
	// repeat: the error tells the caller to try again.
	repeat bool
	// degraded: the publisher's health shows it.
	degraded bool
}

// answerTo is the expected answer to a code in the answer to a produce request.
// Codes that no list names are failures of unknown outcome.
func answerTo(code int16) publishAnswer {
	switch {
	case slices.Contains([]int16{10, 18}, code):
		return publishAnswer{code: domain.ValidationError, reason: domain.ReasonTooLarge}
	case slices.Contains([]int16{2, 87}, code):
		return publishAnswer{code: domain.ValidationError}
	case slices.Contains([]int16{
		3, 17, 21, 29, 30, 31, 32, 33, 34, 35, 37, 38, 39, 40, 42, 43, 44, 53, 54, 58,
		61, 62, 63, 64, 65, 66, 67, 76, 93, 97, 100, 104, 114, 115,
	}, code):
		return publishAnswer{code: domain.ConfigurationError, degraded: true}
	default:
		return publishAnswer{code: domain.KafkaPublishError, repeat: true, degraded: true}
	}
}

// TestEveryCodeOfTheProtocolHasItsAnswer serves each error code to a publisher.
func TestEveryCodeOfTheProtocolHasItsAnswer(t *testing.T) {
	codes := world.KafkaCodes()
	require.Greater(t, len(codes), 130, "the protocol's list")
	k := embedded(t)
	for _, code := range codes {
		t.Run(fmt.Sprintf("%d %s", code, world.KafkaCodeName(code)), func(t *testing.T) {
			t.Parallel()
			topic, seen := unique("commands"), &facts{}
			p := publisher(t, k.Addr(), 5*time.Second, seen)
			kafka.BrokersAnswer(p)
			require.NoError(t, p.Publish(t.Context(), command(topic, "b1")), "warm up")
			p = kafka.WithTimeout(p, time.Second)
			refusal := k.FailWritesWith(topic, code)
			err := p.Publish(t.Context(), command(topic, "b1"))
			requireAnswer(t, answerTo(code), err, p)
			refusal.Remove()
			require.NoError(t, p.Publish(t.Context(), command(topic, "b1")))
			require.Equal(t, domain.Healthy, p.Health(t.Context()).Condition)
		})
	}
}

func requireAnswer(t *testing.T, want publishAnswer, err error, p *kafka.Publisher) {
	t.Helper()
	failure, ok := errors.AsType[*domain.Error](err)
	require.True(t, ok, "%T: %v", err, err)
	require.Equal(t, want.code, failure.Code, err)
	require.Equal(t, want.reason, failure.Reason, err)
	require.Equal(t, want.repeat, failure.RetryAfter > 0, "RetryAfter is %v", failure.RetryAfter)
	condition := domain.Healthy
	if want.degraded {
		condition = domain.Degraded
	}
	require.Equal(t, condition, p.Health(t.Context()).Condition)
	require.NotContains(t, fmt.Sprint(failure.Message, failure.Details), "127.0.0.1")
}

// TestRefusedMetadataHasItsAnswer: the same codes in the answer about the topic,
// before anything is sent.
func TestRefusedMetadataHasItsAnswer(t *testing.T) {
	for _, code := range []int16{3, 5, 17, 29, 31, 38, 44} {
		t.Run(world.KafkaCodeName(code), func(t *testing.T) {
			t.Parallel()
			k, topic := embedded(t), unique("commands")
			k.FailMetadata(topic, code)
			p := publisher(t, k.Addr(), time.Second, &facts{})
			kafka.BrokersAnswer(p)
			requireAnswer(t, answerTo(code), p.Publish(t.Context(), command(topic, "b1")), p)
		})
	}
}

// TestMissingTopicThatAppearsIsNoRefusal: the first tries are answered with
// UNKNOWN_TOPIC_OR_PARTITION while a topic is being created.
func TestMissingTopicThatAppearsIsNoRefusal(t *testing.T) {
	t.Parallel()
	k, topic := embedded(t), unique("commands")
	p := publisher(t, k.Addr(), 10*time.Second, &facts{})
	refusal := k.FailMetadata(topic, 3)
	done := make(chan error, 1)
	go func() { done <- p.Publish(t.Context(), command(topic, "b1")) }()
	require.NoError(t, refusal.WaitHit(t.Context()))
	refusal.Remove()
	require.NoError(t, <-done)
}

// TestBrokerThatStopsAnsweringIsNoRefusal: a code that came long before the
// sender's time was over does not explain the silence since.
func TestBrokerThatStopsAnsweringIsNoRefusal(t *testing.T) {
	t.Parallel()
	k, topic := embedded(t), unique("commands")
	p := publisher(t, k.Addr(), 3*time.Second, &facts{})
	refusal := k.FailWritesWith(topic, 3)
	done := make(chan error, 1)
	go func() { done <- p.Publish(t.Context(), command(topic, "b1")) }()
	require.NoError(t, refusal.WaitHit(t.Context()))
	k.Hang()
	require.Equal(t, domain.KafkaPublishError, domain.CodeOf(<-done))
}

// TestOneRefusedRecordLeavesTheOthers: records that leave in one request have one
// answer; those that are good arrive, in their order.
func TestOneRefusedRecordLeavesTheOthers(t *testing.T) {
	const poison = "poison"
	for _, code := range []int16{2, 10, 18, 87, -1} {
		t.Run(world.KafkaCodeName(code), func(t *testing.T) {
			t.Parallel()
			k, topic := embedded(t), unique("commands")
			p := publisher(t, k.Addr(), 5*time.Second, &facts{})
			require.NoError(t, p.Publish(t.Context(), command(topic, "b1")), "warm up")
			first := k.FailWrites(topic) // until all others wait behind it
			var group sync.WaitGroup
			group.Go(func() { require.NoError(t, p.Publish(t.Context(), command(topic, "b1"))) })
			require.NoError(t, first.WaitHit(t.Context()))
			const records = 40
			results := make([]error, records)
			for i := range records {
				c := command(topic, "b1")
				if i%13 == 5 {
					c.Envelope.Data = []byte(`"` + poison + `"`)
				}
				group.Go(func() { results[i] = p.Publish(t.Context(), c) })
			}
			require.Eventually(t, func() bool { return kafka.Waiting(p, topic) == records }, 5*time.Second, time.Millisecond)
			k.FailBatches(topic, code, func(batch []byte) bool { return bytes.Contains(batch, []byte(poison)) })
			first.Remove()
			group.Wait()
			good := 2
			for i, err := range results {
				if i%13 == 5 {
					require.Equal(t, answerTo(code).code, domain.CodeOf(err), i)
					continue
				}
				require.NoError(t, err, i)
				good++
			}
			require.Len(t, valuesOf(t, k, topic, good), good)
		})
	}
}

func valuesOf(t *testing.T, k *world.Kafka, topic string, atLeast int) []string {
	t.Helper()
	var values []string
	for _, r := range records(t, k.Addr(), topic, atLeast) {
		values = append(values, string(r.Value))
	}
	return values
}

// TestBatchOverTheLimitIsDivided: each record is within the broker's limit, all
// together are not.
func TestBatchOverTheLimitIsDivided(t *testing.T) {
	t.Parallel()
	k, topic := embedded(t), unique("commands")
	p := publisher(t, k.Addr(), 5*time.Second, &facts{})
	require.NoError(t, p.Publish(t.Context(), command(topic, "b1")), "warm up")
	k.FailBatches(topic, 10, func(batch []byte) bool { return len(batch) > 3000 })
	var group sync.WaitGroup
	for range 30 {
		group.Go(func() {
			c := command(topic, "b1")
			c.Envelope.Data = []byte(`"` + strings.Repeat("x", 1000) + `"`)
			require.NoError(t, p.Publish(t.Context(), c))
		})
	}
	group.Wait()
	require.Len(t, valuesOf(t, k, topic, 31), 31)
}

// TestCommandIsMeasuredAsItIsSent: the limit holds for the encoded envelope, to
// the byte, and nothing that is over it is sent or counted.
func TestCommandIsMeasuredAsItIsSent(t *testing.T) {
	t.Parallel()
	k, topic, seen := embedded(t), unique("commands"), &facts{}
	p := publisher(t, k.Addr(), 5*time.Second, seen)
	kafka.BrokersAnswer(p)
	c := command(topic, "b1")
	c.Envelope.Data, c.Envelope.Metadata = []byte(`""`), map[string]string{}
	empty, err := c.Envelope.Encode()
	require.NoError(t, err)
	for name, filler := range map[string]string{"letters": "x", "markup": "<"} {
		fit := strings.Repeat(filler, domain.MaxCommandBytes-len(empty))
		c.Envelope.Data = []byte(`"` + fit + `"`)
		require.NoError(t, p.Publish(t.Context(), c), name)
		before := len(seen.all())
		c.Envelope.Data = []byte(`"` + fit + filler + `"`)
		err = p.Publish(t.Context(), c)
		requireAnswer(t, publishAnswer{code: domain.ValidationError, reason: domain.ReasonTooLarge}, err, p)
		require.Equal(t, domain.MaxCommandBytes, domain.As(err).Details["limit_bytes"])
		require.Len(t, seen.all(), before)
	}
}

// TestRefusedHandshakeIsMisconfigured: errors of TLS that no repeat changes.
func TestRefusedHandshakeIsMisconfigured(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want domain.Code
	}{
		"untrusted broker":     {&tls.CertificateVerificationError{}, domain.ConfigurationError},
		"no TLS":               {tls.RecordHeaderError{Msg: "x"}, domain.ConfigurationError},
		"refused certificate":  {&net.OpError{Op: "remote error", Err: errAway}, domain.ConfigurationError},
		"refused connection":   {&net.OpError{Op: "dial", Err: errAway}, domain.KafkaPublishError},
		"refused credentials":  {fmt.Errorf("connect: %w", kafkago.SASLAuthenticationFailed), domain.ConfigurationError},
		"anything on the way":  {errAway, domain.KafkaPublishError},
		"a code not yet known": {kafkago.Error(999), domain.KafkaPublishError},
	} {
		require.Equal(t, c.want, domain.CodeOf(kafka.PublishFailure("commands", c.err)), name)
	}
}
