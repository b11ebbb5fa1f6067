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

// publishResult is the effect of an error code of the broker.
type publishResult struct {
	code   domain.Code
	reason domain.Reason
	// retry is set if the error tells the caller to try again.
	retry bool
	// degraded is set if the publisher's health becomes degraded.
	degraded bool
}

// resultFor returns the expected effect of an error code in the response to a produce request.
// For codes that are not listed the outcome is unknown.
func resultFor(code int16) publishResult {
	switch {
	case slices.Contains([]int16{10, 18}, code):
		return publishResult{code: domain.ValidationError, reason: domain.ReasonTooLarge}
	case slices.Contains([]int16{2, 87}, code):
		return publishResult{code: domain.ValidationError}
	case slices.Contains([]int16{
		3, 17, 21, 29, 30, 31, 32, 33, 34, 35, 37, 38, 39, 40, 42, 43, 44, 53, 54, 58,
		61, 62, 63, 64, 65, 66, 67, 76, 93, 97, 100, 104, 114, 115,
	}, code):
		return publishResult{code: domain.ConfigurationError, degraded: true}
	default:
		return publishResult{code: domain.KafkaPublishError, retry: true, degraded: true}
	}
}

// TestEveryErrorCodeOfTheProtocol sends each error code to a publisher.
func TestEveryErrorCodeOfTheProtocol(t *testing.T) {
	codes := world.KafkaCodes()
	require.Greater(t, len(codes), 130, "the protocol's list")
	k := embedded(t)
	for _, code := range codes {
		t.Run(fmt.Sprintf("%d %s", code, world.KafkaCodeName(code)), func(t *testing.T) {
			t.Parallel()
			topic, seen := uniqueName("commands"), &facts{}
			p := publisher(t, k.Addr(), 5*time.Second, seen)
			kafka.RecordSuccessfulPing(p)
			require.NoError(t, p.Publish(t.Context(), command(topic, "b1")), "warm up")
			p = kafka.WithTimeout(p, time.Second)
			fault := k.FailWritesWith(topic, code)
			err := p.Publish(t.Context(), command(topic, "b1"))
			requireResult(t, resultFor(code), err, p)
			fault.Remove()
			require.NoError(t, p.Publish(t.Context(), command(topic, "b1")))
			require.Equal(t, domain.Healthy, p.Health(t.Context()).Condition)
		})
	}
}

func requireResult(t *testing.T, want publishResult, err error, p *kafka.Publisher) {
	t.Helper()
	failure, ok := errors.AsType[*domain.Error](err)
	require.True(t, ok, "%T: %v", err, err)
	require.Equal(t, want.code, failure.Code, err)
	require.Equal(t, want.reason, failure.Reason, err)
	require.Equal(t, want.retry, failure.RetryAfter > 0, "RetryAfter is %v", failure.RetryAfter)
	condition := domain.Healthy
	if want.degraded {
		condition = domain.Degraded
	}
	require.Equal(t, condition, p.Health(t.Context()).Condition)
	require.NotContains(t, fmt.Sprint(failure.Message, failure.Details), "127.0.0.1")
}

// TestErrorCodesOfMetadataRequests sends error codes in the response to the metadata request,
// before a record is sent.
func TestErrorCodesOfMetadataRequests(t *testing.T) {
	for _, code := range []int16{3, 5, 17, 29, 31, 38, 44} {
		t.Run(world.KafkaCodeName(code), func(t *testing.T) {
			t.Parallel()
			k, topic := embedded(t), uniqueName("commands")
			k.FailMetadata(topic, code)
			p := publisher(t, k.Addr(), time.Second, &facts{})
			kafka.RecordSuccessfulPing(p)
			requireResult(t, resultFor(code), p.Publish(t.Context(), command(topic, "b1")), p)
		})
	}
}

// TestPublishWaitsForATopicThatIsBeingCreated: brokers return UNKNOWN_TOPIC_OR_PARTITION while
// they create a topic.
func TestPublishWaitsForATopicThatIsBeingCreated(t *testing.T) {
	t.Parallel()
	k, topic := embedded(t), uniqueName("commands")
	p := publisher(t, k.Addr(), 10*time.Second, &facts{})
	fault := k.FailMetadata(topic, 3)
	done := make(chan error, 1)
	go func() { done <- p.Publish(t.Context(), command(topic, "b1")) }()
	require.NoError(t, fault.WaitHit(t.Context()))
	fault.Remove()
	require.NoError(t, <-done)
}

// TestOldErrorCodeDoesNotExplainATimeout checks that an error code long before the timeout is
// ignored if the broker has stopped responding since.
func TestOldErrorCodeDoesNotExplainATimeout(t *testing.T) {
	t.Parallel()
	k, topic := embedded(t), uniqueName("commands")
	p := publisher(t, k.Addr(), 3*time.Second, &facts{})
	fault := k.FailWritesWith(topic, 3)
	done := make(chan error, 1)
	go func() { done <- p.Publish(t.Context(), command(topic, "b1")) }()
	require.NoError(t, fault.WaitHit(t.Context()))
	k.Hang()
	require.Equal(t, domain.KafkaPublishError, domain.CodeOf(<-done))
}

// TestOneRejectedRecordDoesNotFailItsBatch checks that the valid records of a batch are written,
// although the broker returns one error code for all of them.
func TestOneRejectedRecordDoesNotFailItsBatch(t *testing.T) {
	const invalid = "invalid"
	for _, code := range []int16{2, 10, 18, 87, -1} {
		t.Run(world.KafkaCodeName(code), func(t *testing.T) {
			t.Parallel()
			k, topic := embedded(t), uniqueName("commands")
			p := publisher(t, k.Addr(), 5*time.Second, &facts{})
			require.NoError(t, p.Publish(t.Context(), command(topic, "b1")), "warm up")
			first := k.FailWrites(topic) // until all other records are queued
			var group sync.WaitGroup
			group.Go(func() { require.NoError(t, p.Publish(t.Context(), command(topic, "b1"))) })
			require.NoError(t, first.WaitHit(t.Context()))
			const records = 40
			results := make([]error, records)
			for i := range records {
				c := command(topic, "b1")
				if i%13 == 5 {
					c.Envelope.Data = []byte(`"` + invalid + `"`)
				}
				group.Go(func() { results[i] = p.Publish(t.Context(), c) })
			}
			require.Eventually(t, func() bool { return kafka.Waiting(p, topic) == records }, 5*time.Second, time.Millisecond)
			k.FailBatches(topic, code, func(batch []byte) bool { return bytes.Contains(batch, []byte(invalid)) })
			first.Remove()
			group.Wait()
			good := 2
			for i, err := range results {
				if i%13 == 5 {
					require.Equal(t, resultFor(code).code, domain.CodeOf(err), i)
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

// TestBatchOverTheLimitIsDivided: each record is within the broker's limit, but the batch is not.
func TestBatchOverTheLimitIsDivided(t *testing.T) {
	t.Parallel()
	k, topic := embedded(t), uniqueName("commands")
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

// TestSizeLimitAppliesToTheEncodedCommand checks the limit to the byte, and that a larger command
// is neither sent nor counted.
func TestSizeLimitAppliesToTheEncodedCommand(t *testing.T) {
	t.Parallel()
	k, topic, seen := embedded(t), uniqueName("commands"), &facts{}
	p := publisher(t, k.Addr(), 5*time.Second, seen)
	kafka.RecordSuccessfulPing(p)
	c := command(topic, "b1")
	c.Envelope.Data, c.Envelope.Metadata = []byte(`""`), map[string]string{}
	empty, err := c.Envelope.Encode()
	require.NoError(t, err)
	for name, filler := range map[string]string{"letters": "x", "markup": "<"} {
		fit := strings.Repeat(filler, domain.MaxCommandBytes-len(empty))
		c.Envelope.Data = []byte(`"` + fit + `"`)
		require.NoError(t, p.Publish(t.Context(), c), name)
		before := len(seen.All())
		c.Envelope.Data = []byte(`"` + fit + filler + `"`)
		err = p.Publish(t.Context(), c)
		requireResult(t, publishResult{code: domain.ValidationError, reason: domain.ReasonTooLarge}, err, p)
		require.Equal(t, domain.MaxCommandBytes, domain.As(err).Details["limit_bytes"])
		require.Len(t, seen.All(), before)
	}
}

// TestConnectionErrors distinguishes errors of TLS and SASL, which a retry does not change, from
// temporary ones.
func TestConnectionErrors(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want domain.Code
	}{
		"untrusted broker":     {&tls.CertificateVerificationError{}, domain.ConfigurationError},
		"no TLS":               {tls.RecordHeaderError{Msg: "x"}, domain.ConfigurationError},
		"rejected certificate": {&net.OpError{Op: "remote error", Err: errUnavailable}, domain.ConfigurationError},
		"refused connection":   {&net.OpError{Op: "dial", Err: errUnavailable}, domain.KafkaPublishError},
		"rejected credentials": {fmt.Errorf("connect: %w", kafkago.SASLAuthenticationFailed), domain.ConfigurationError},
		"other error":          {errUnavailable, domain.KafkaPublishError},
		"unknown error code":   {kafkago.Error(999), domain.KafkaPublishError},
	} {
		require.Equal(t, c.want, domain.CodeOf(kafka.PublishFailure("commands", c.err)), name)
	}
}
