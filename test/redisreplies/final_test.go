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

// finalAfter stands for the minute of production.
const finalAfter = 2 * time.Second

// refuse answers the scripts on the user's own log with the reply; the control of
// that user passes.
func (s *stage) refuse(user, reply string) {
	s.proxy.set(func(command []string) (string, bool) {
		return reply, isScript(command) && slices.Contains(command, "wslog:{"+user+"}")
	})
}

// buried returns the first dead letter, once it is there.
func (s *stage) buried(t *testing.T) *kgo.Record {
	t.Helper()
	require.Eventually(t, func() bool { return s.facts.of(domain.NotificationDeadLetter) > 0 }, patience, time.Millisecond)
	client, err := kgo.NewClient(kgo.SeedBrokers(s.broker.Addr()), kgo.ConsumeTopics(topic+".dlq"),
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

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func soon(c *kafka.ConsumerConfig) { c.FinalAfter = finalAfter }

func TestARecordThatAloneFailsIsADeadLetterInTheEnd(t *testing.T) {
	s := newStage(t, soon)
	s.refuse("u1", "-ERR upstream 10.1.2.3:6379 refused 'AUTH' password=hunter2 for redis://u:p@host.internal:1\r\n")
	began := time.Now()
	s.produce(t, "u1")
	r := s.buried(t)
	require.GreaterOrEqual(t, time.Since(began), finalAfter)
	require.GreaterOrEqual(t, s.facts.of(domain.NotificationRetried), 9, "ten attempts failed")
	require.Equal(t, "UNKNOWN_ERROR: An unexpected error occurred: ERR upstream (address) refused (...) password=(...) for (address)",
		header(r, "dlq_reason"))
	logged, _ := s.log.since(0)
	require.Equal(t, 1, strings.Count(logged, "fails with an unknown error"), "once, not with each attempt")
	for _, private := range []string{"10.1.2.3", "hunter2", "host.internal"} {
		require.NotContains(t, logged, private)
	}
	s.proxy.set(nil)
	s.produce(t, "u2")
	require.Eventually(t, func() bool { return s.committed() == 2 }, patience, time.Millisecond, "the partition goes on")
}

// A failed control starts the count again: the store is the cause as well.
func TestARecordIsKeptWhileTheControlFailsNowAndThen(t *testing.T) {
	s := newStage(t, soon)
	controls := 0
	s.proxy.set(func(command []string) (string, bool) {
		const failure = "-ERR upstream failure\r\n"
		if !isScript(command) || slices.Contains(command, "wslog:{u1}") {
			return failure, isScript(command)
		}
		controls++
		return failure, controls%5 == 0
	})
	s.produce(t, "u1")
	require.Eventually(t, func() bool { return s.facts.of(domain.NotificationRetried) >= 14 }, patience, time.Millisecond)
	require.Zero(t, s.facts.of(domain.NotificationDeadLetter))
	s.proxy.set(nil)
	require.Eventually(t, func() bool { return s.committed() == 1 }, patience, time.Millisecond)
	require.Zero(t, s.deadLetters(t))
}

func TestFinalRepliesMakeADeadLetterAtOnce(t *testing.T) {
	for _, raw := range []string{
		"WRONGTYPE Operation against a key holding the wrong kind of value",
		"WRONGTYPE Operation against a key holding the wrong kind of value script: f, on @user_script:2.",
		"ERR Error running script (call to f_1): @user_script:12: -WRONGTYPE Operation against a key",
		"ERR Error running script (call to f_1): @user_script: 3: WRONGTYPE Operation against a key",
		"CROSSSLOT Keys in request don't hash to the same slot",
	} {
		t.Run(raw, func(t *testing.T) {
			s := newStage(t, nil)
			s.refuse("u1", "-"+raw+"\r\n")
			s.produce(t, "u1")
			r := s.buried(t)
			require.True(t, strings.HasPrefix(header(r, "dlq_reason"), "PROCESSING_ERROR: The notification cannot be kept: "), header(r, "dlq_reason"))
			require.Zero(t, s.facts.of(domain.NotificationRetried))
			require.Eventually(t, func() bool { return s.committed() == 1 }, patience, time.Millisecond)
		})
	}
}
