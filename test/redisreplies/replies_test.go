package redisreplies_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// minReplies is how many replies the table holds at least, so that a test that
// runs none cannot pass.
const minReplies = 100

// TestNoReplyOfRedisMakesAGoodRecordADeadLetter has every reply of the table
// answered to a consumer that runs: the partition is kept, and the notification is
// delivered once when the cause is gone. It prints the table of docs/faults.md.
func TestNoReplyOfRedisMakesAGoodRecordADeadLetter(t *testing.T) {
	s := newStage(t, nil)
	s.produce(t, "first")
	require.Eventually(t, func() bool { return s.committed() == 1 }, patience, 5*time.Millisecond)
	ran := 0
	for i, r := range replies() {
		ran++
		user := fmt.Sprintf("user-%d", i)
		t.Run(r.from, func(t *testing.T) { s.survives(t, user, r) })
	}
	require.GreaterOrEqual(t, ran, minReplies)
	require.Zero(t, s.deadLetters(t), "the dead-letter topic is empty")
	require.EqualValues(t, s.sent, s.facts.of(domain.NotificationPublished))
}

func (s *stage) survives(t *testing.T, user string, r reply) {
	ear := s.hears(t, user)
	_, mark := s.log.since(0)
	before, published := s.facts.of(domain.NotificationRetried), s.facts.of(domain.NotificationPublished)
	s.proxy.answerScripts(r.raw)
	s.produce(t, user)
	require.Eventually(t, func() bool {
		return s.facts.of(domain.NotificationRetried) >= before+3 || s.facts.of(domain.NotificationDeadLetter) > 0
	}, patience, time.Millisecond)
	require.Zero(t, s.facts.of(domain.NotificationDeadLetter), "a good record was buried")
	require.Equal(t, s.sent-1, s.committed(), "the offset stays where it is")
	require.Equal(t, published, s.facts.of(domain.NotificationPublished))
	require.True(t, s.facts.isDegraded())
	require.Equal(t, domain.Degraded, s.consumer.Health(t.Context()).Condition)
	logged, _ := s.log.since(mark)

	s.proxy.set(nil)
	require.Eventually(t, func() bool { return s.committed() == s.sent }, patience, time.Millisecond)
	message, err := ear.ReceiveMessage(t.Context())
	require.NoError(t, err)
	require.True(t, json.Valid([]byte(message.Payload)))
	kept, err := s.redis.XLen(t.Context(), "wslog:{"+user+"}").Result()
	require.NoError(t, err)
	require.EqualValues(t, 1, kept, "kept once")
	require.Equal(t, published+1, s.facts.of(domain.NotificationPublished))
	s.tells(t, r, logged)
}

// tells checks that the failure was logged once, and prints the table's row.
func (s *stage) tells(t *testing.T, r reply, logged string) {
	t.Helper()
	unknown := strings.Count(logged, "fails with an unknown error")
	temporary := strings.Count(logged, "a notification waits on Kafka")
	require.Equal(t, 1, unknown+temporary, "logged once: %s", logged)
	kind := "temporary"
	if unknown > 0 {
		kind = "unknown"
	}
	t.Logf("| %s | `%s` | %s |", r.from, shown(r.raw), kind)
}

// shown is a reply as a table can show it.
func shown(raw string) string {
	text := strings.Trim(fmt.Sprintf("%q", strings.TrimSuffix(raw, "\r\n")), `"`)
	text = strings.NewReplacer("|", "/", "`", "'", `\"`, `"`).Replace(text)
	if len(text) > 70 {
		text = text[:70] + "..."
	}
	return text
}
