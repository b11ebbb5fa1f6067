package redisreplies_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/domain"
)

// finalAfter is the time after which an unknown error is final; a minute in production.
const finalAfter = 2 * time.Second

// failPublish replies to the scripts on the user's log. The control of that user succeeds.
func (e *environment) failPublish(user, reply string) {
	e.store.Intercept(func(name string, args []string) (string, bool) {
		return reply, isScript(name) && slices.Contains(args, "wslog:{"+user+"}")
	})
}

// firstDeadLetter waits for the first dead letter and returns it.
func (e *environment) firstDeadLetter(t *testing.T) *kgo.Record {
	t.Helper()
	require.Eventually(t, func() bool { return e.handled(domain.NotificationDeadLetter) > 0 }, patience, time.Millisecond)
	client, err := kgo.NewClient(kgo.SeedBrokers(e.broker.Addr()), kgo.ConsumeTopics(topic+".dlq"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer client.Close()
	for {
		if got := client.PollFetches(t.Context()).Records(); len(got) > 0 {
			return got[0]
		}
		require.NoError(t, t.Context().Err())
	}
}

// header returns the value of a record's header, or an empty string.
func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// withFinalAfter sets a short FinalAfter.
func withFinalAfter(c *kafka.ConsumerConfig) { c.FinalAfter = finalAfter }

func TestRecordThatAloneFailsBecomesADeadLetter(t *testing.T) {
	e := newEnvironment(t, withFinalAfter)
	e.failPublish("u1", "-ERR upstream 10.1.2.3:6379 refused 'AUTH' password=hunter2 for redis://u:p@host.internal:1\r\n")
	began := time.Now()
	e.produce(t, "u1")
	r := e.firstDeadLetter(t)
	require.GreaterOrEqual(t, time.Since(began), finalAfter)
	require.GreaterOrEqual(t, e.handled(domain.NotificationRetried), 9, "at least ten attempts must fail")
	require.Equal(t, "UNKNOWN_ERROR: An unexpected error occurred: ERR upstream (address) refused (...) password=(...) for (address)",
		header(r, "dlq_reason"))
	logged := e.log.String()
	require.Equal(t, 1, strings.Count(logged, "fails with an unknown error"), "the failure must be logged once")
	for _, private := range []string{"10.1.2.3", "hunter2", "host.internal"} {
		require.NotContains(t, logged, private)
	}
	e.store.Intercept(nil)
	e.produce(t, "u2")
	require.Eventually(t, func() bool { return e.committed() == 2 }, patience, time.Millisecond, "the next record must be processed")
}

// A failed control starts the time again, because the store is then the cause.
func TestRecordIsRetriedWhileTheControlFailsSometimes(t *testing.T) {
	e := newEnvironment(t, withFinalAfter)
	controls := 0
	e.store.Intercept(func(name string, args []string) (string, bool) {
		const failure = "-ERR upstream failure\r\n"
		if !isScript(name) || slices.Contains(args, "wslog:{u1}") {
			return failure, isScript(name)
		}
		controls++
		return failure, controls%5 == 0
	})
	e.produce(t, "u1")
	require.Eventually(t, func() bool { return e.handled(domain.NotificationRetried) >= 14 }, patience, time.Millisecond)
	require.Zero(t, e.handled(domain.NotificationDeadLetter))
	e.store.Intercept(nil)
	require.Eventually(t, func() bool { return e.committed() == 1 }, patience, time.Millisecond)
	require.Zero(t, e.deadLetters(t))
}

func TestFinalReplyMakesADeadLetterAtOnce(t *testing.T) {
	for _, raw := range []string{
		"WRONGTYPE Operation against a key holding the wrong kind of value",
		"WRONGTYPE Operation against a key holding the wrong kind of value script: f, on @user_script:2.",
		"ERR Error running script (call to f_1): @user_script:12: -WRONGTYPE Operation against a key",
		"ERR Error running script (call to f_1): @user_script: 3: WRONGTYPE Operation against a key",
		"CROSSSLOT Keys in request don't hash to the same slot",
	} {
		t.Run(raw, func(t *testing.T) {
			e := newEnvironment(t, nil)
			e.failPublish("u1", "-"+raw+"\r\n")
			e.produce(t, "u1")
			r := e.firstDeadLetter(t)
			require.True(t, strings.HasPrefix(header(r, "dlq_reason"), "PROCESSING_ERROR: The notification cannot be kept: "), header(r, "dlq_reason"))
			require.Zero(t, e.handled(domain.NotificationRetried))
			require.Eventually(t, func() bool { return e.committed() == 1 }, patience, time.Millisecond)
		})
	}
}
