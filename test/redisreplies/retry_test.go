package redisreplies_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
)

// minReplies is the minimum number of replies, so that a test without replies fails.
const minReplies = 100

// While Redis gives one of the replies, the consumer must retry the record. Afterwards it must
// deliver the notification once. The test prints the table of docs/faults.md.
func TestNoReplyMakesAValidRecordADeadLetter(t *testing.T) {
	e := newEnvironment(t, nil)
	e.produce(t, "first")
	require.Eventually(t, func() bool { return e.committed() == 1 }, patience, 5*time.Millisecond)
	ran := 0
	for i, r := range replies() {
		ran++
		user := fmt.Sprintf("user-%d", i)
		t.Run(r.from, func(t *testing.T) { e.testReply(t, user, r) })
	}
	require.GreaterOrEqual(t, ran, minReplies)
	require.Zero(t, e.deadLetters(t), "the dead-letter topic must be empty")
	require.EqualValues(t, e.sent, e.handled(domain.NotificationPublished))
}

// testReply publishes a notification to the user while scripts get the reply.
func (e *environment) testReply(t *testing.T, user string, r reply) {
	subscription := e.subscribe(t, user)
	mark := len(e.log.String())
	before, published := e.handled(domain.NotificationRetried), e.handled(domain.NotificationPublished)
	e.store.Intercept(func(name string, _ []string) (string, bool) { return r.raw, isScript(name) })
	e.produce(t, user)
	require.Eventually(t, func() bool {
		return e.handled(domain.NotificationRetried) >= before+3 || e.handled(domain.NotificationDeadLetter) > 0
	}, patience, time.Millisecond)
	require.Zero(t, e.handled(domain.NotificationDeadLetter), "a valid record became a dead letter")
	require.Equal(t, e.sent-1, e.committed(), "the offset must not be committed")
	require.Equal(t, published, e.handled(domain.NotificationPublished))
	require.True(t, e.isDegraded())
	require.Equal(t, domain.Degraded, e.consumer.Health(t.Context()).Condition)
	logged := e.log.From(mark)

	e.store.Intercept(nil)
	require.Eventually(t, func() bool { return e.committed() == e.sent }, patience, time.Millisecond)
	message, err := subscription.ReceiveMessage(t.Context())
	require.NoError(t, err)
	require.True(t, json.Valid([]byte(message.Payload)))
	stored, err := e.redis.XLen(t.Context(), "wslog:{"+user+"}").Result()
	require.NoError(t, err)
	require.EqualValues(t, 1, stored, "the notification must be stored once")
	require.Equal(t, published+1, e.handled(domain.NotificationPublished))
	e.requireLoggedOnce(t, r, logged)
}

// requireLoggedOnce requires that the failure was logged once, and prints the table's row. A
// closed connection is told by the line of the dependency, not by the consumer.
func (e *environment) requireLoggedOnce(t *testing.T, r reply, logged string) {
	t.Helper()
	unknown := strings.Count(logged, "fails with an unknown error")
	temporary := strings.Count(logged, "a notification waits on Kafka")
	want := 1
	if r.raw == world.CloseConnection {
		want = 0
	}
	require.Equal(t, want, unknown+temporary, "the failure must be logged once: %s", logged)
	kind := "temporary"
	if unknown > 0 {
		kind = "unknown"
	}
	t.Logf("| %s | `%s` | %s |", r.from, tableText(r.raw), kind)
}

// tableText returns the reply as text of a Markdown table.
func tableText(raw string) string {
	text := strings.Trim(fmt.Sprintf("%q", strings.TrimSuffix(raw, "\r\n")), `"`)
	text = strings.NewReplacer("|", "/", "`", "'", `\"`, `"`).Replace(text)
	if len(text) > 70 {
		text = text[:70] + "..."
	}
	return text
}
