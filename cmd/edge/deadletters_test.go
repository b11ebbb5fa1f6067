package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/cmd/edge/internal/deadletters"
	"github.com/huleedu/edge/cmd/edge/internal/topics"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/servers"
)

func TestDeadLettersOnEmbeddedKafka(t *testing.T) {
	r := startEdge(t)
	address := r.waitOutput(t, `kafka +(\S+) \(embedded\)`)[1]
	checkDeadLetters(t, r, address, r.waitOutput(t, `redis +(redis://\S+) \(embedded\)`)[1])
	require.Equal(t, 0, r.interruptAndWait(t))
}

func TestDeadLettersOnRealKafka(t *testing.T) {
	broker := servers.OwnKafka(t)
	redis := servers.EmbeddedRedis(t)
	r := startEdge(t, "--kafka", broker.Addr(), "--redis", redis.URL())
	checkDeadLetters(t, r, broker.Addr(), redis.URL())
	require.Equal(t, 0, r.interruptAndWait(t))
}

// checkDeadLetters writes a notification request with a category that the service does not
// accept, waits for the dead letter, and replays it. A replayed record has its event id: a
// record that becomes valid is delivered once however often it is replayed.
func checkDeadLetters(t *testing.T, r runningEdge, address, redis string) {
	t.Helper()
	k, err := topics.Open(kafka.ConsumerConfig{Brokers: address})
	require.NoError(t, err)
	t.Cleanup(k.Close)
	event := uuid.NewString()
	topic := string(domain.NotificationTopic)
	bad := notificationRequest(t, "teacher-anna", event, "no_such_category")
	require.NoError(t, k.Write(t.Context(), topic, topics.Record{Key: []byte("teacher-anna"), Value: bad, Headers: []topics.Header{{Key: "trace", Value: []byte("kept")}, {Key: "trace", Value: []byte("twice")}}}))
	position := awaitDeadLetter(t, address, event)

	list := startCommand(t, nil, "dlq", "list", "--kafka", address)
	require.Equal(t, 0, list.exitCode(t), "%s", list.errs)
	require.Regexp(t, `POSITION +TIME +REASON +SOURCE +EVENT ID +KEY\n`, list.out.String())
	require.Regexp(t, position+` .* `+topic+`/\d/\d+ +`+event+` +teacher-anna`, list.out.String())

	show := startCommand(t, nil, "dlq", "show", position, "--kafka", address)
	require.Equal(t, 0, show.exitCode(t), "%s", show.errs)
	require.Contains(t, show.out.String(), "(kept)")
	require.Contains(t, show.out.String(), string(bad))
	require.Contains(t, show.out.String(), "header trace  kept\nheader trace  twice\n")

	dry := startCommand(t, nil, "dlq", "replay", position, "--dry-run", "--kafka", address)
	require.Equal(t, 0, dry.exitCode(t), "%s", dry.errs)
	require.Contains(t, dry.out.String(), "would replay "+position+" to "+topic+": event id "+event+", key teacher-anna")
	require.Equal(t, 1, countRecords(t, k, topic, event), "a dry run writes nothing")

	replayed := startCommand(t, nil, "dlq", "replay", position, "--kafka", address)
	require.Equal(t, 0, replayed.exitCode(t), "%s", replayed.errs)
	require.Contains(t, replayed.out.String(), "replayed "+position+" to "+topic+": event id "+event)
	require.Equal(t, 2, countRecords(t, k, topic, event))
	_, err = k.Read(t.Context(), topic, 0, func(r *topics.Record) error {
		if deadletters.EventID(r.Value) == event {
			require.Equal(t, bad, r.Value)
			require.Equal(t, "teacher-anna", string(r.Key))
			require.Equal(t, "[{trace kept} {trace twice}]", headerText(r.Headers))
		}
		return nil
	})
	require.NoError(t, err)

	all := startCommand(t, nil, "dlq", "replay", "--all", "--dry-run", "--json", "--kafka", address)
	require.Equal(t, 0, all.exitCode(t), "%s", all.errs)
	require.Contains(t, all.out.lines()[0], `"written":false`)
	gone := startCommand(t, nil, "dlq", "show", "0/999999", "--kafka", address)
	require.Equal(t, 1, gone.exitCode(t))
	require.Contains(t, gone.errs.String(), "edge: dead letter 0/999999 of "+topic+".dlq: ")
	checkReplayIsDeliveredOnce(t, r, k, address, redis)
}

// checkReplayIsDeliveredOnce writes a valid request to the dead-letter topic, as if the cause
// had been corrected, and replays it twice.
func checkReplayIsDeliveredOnce(t *testing.T, r runningEdge, k *topics.Inspector, address, redis string) {
	t.Helper()
	event := uuid.NewString()
	require.NoError(t, k.Write(t.Context(), kafka.DeadLetterTopic(string(domain.NotificationTopic)), topics.Record{
		Key: []byte("teacher-bo"), Value: notificationRequest(t, "teacher-bo", event, "system_alerts"),
		Headers: []topics.Header{{Key: "dlq_reason", Value: []byte("test")}, {Key: "dlq_source", Value: []byte("gone/0/0")}},
	}))
	listening := startCommand(t, nil, "listen", "teacher-bo", "--json", "--url", r.websockets)
	position := awaitDeadLetter(t, address, event)
	newest := startCommand(t, nil, "dlq", "list", "--limit", "1", "--kafka", address)
	require.Equal(t, 0, newest.exitCode(t), "%s", newest.errs)
	require.Regexp(t, `^POSITION .*\n\d/\d .*\nThe newest 1 of [2-9] dead letters; --limit lists more\.\nNext: edge dlq show \d/\d\n$`, newest.out.String())
	for range 2 {
		s := startCommand(t, nil, "dlq", "replay", position, "--kafka", address)
		require.Equal(t, 0, s.exitCode(t), "%s", s.errs)
		require.Contains(t, s.out.String(), "from the dead letter")
	}
	last := startCommand(t, nil, "notify", "teacher-bo", "last_one", "--kept", "--kafka", address)
	require.Equal(t, 0, last.exitCode(t), "%s", last.errs)
	listening.waitOutput(t, `last_one`)
	kept := startCommand(t, nil, "history", "teacher-bo", "--type", "replayed_type", "--json", "--redis", redis)
	require.Equal(t, 0, kept.exitCode(t), "%s", kept.errs)
	require.Len(t, kept.out.lines(), 1, "the second replay is a duplicate: %s", kept.out)
	require.Equal(t, 0, listening.interruptAndWait(t))
}

// notificationRequest returns a request whose category decides whether it is valid.
func notificationRequest(t *testing.T, user, event, category string) []byte {
	t.Helper()
	out, err := json.Marshal(map[string]any{
		"event_id": event, "event_type": domain.NotificationTopic, "event_timestamp": "2026-01-02T03:04:05Z", "source_service": "test",
		"schema_version": 1, "correlation_id": uuid.NewString(), "data_schema_uri": nil, "metadata": map[string]any{},
		"data": map[string]any{
			"teacher_id": user, "notification_type": "replayed_type", "category": category, "priority": "standard",
			"payload": map[string]any{}, "correlation_id": uuid.NewString(),
		},
	})
	require.NoError(t, err)
	return out
}

// awaitDeadLetter waits until the dead letter of an event exists and returns its position.
func awaitDeadLetter(t *testing.T, address, event string) (position string) {
	t.Helper()
	require.Eventually(t, func() bool {
		s := startCommand(t, nil, "dlq", "list", "--json", "--kafka", address)
		if s.exitCode(t) != 0 {
			return false
		}
		for _, line := range s.out.lines() {
			var l deadletters.View
			if strings.Contains(line, event) && json.Unmarshal([]byte(line), &l) == nil {
				position = l.Position
			}
		}
		return position != ""
	}, waitLimit, waitLimit/100)
	return position
}

func countRecords(t *testing.T, k *topics.Inspector, topic, event string) (n int) {
	t.Helper()
	_, err := k.Read(t.Context(), topic, 0, func(r *topics.Record) error {
		if deadletters.EventID(r.Value) == event {
			n++
		}
		return nil
	})
	require.NoError(t, err)
	return n
}

// headerText formats headers.
func headerText(headers []topics.Header) string {
	out := make([]string, len(headers))
	for i, h := range headers {
		out[i] = "{" + h.Key + " " + string(h.Value) + "}"
	}
	return "[" + strings.Join(out, " ") + "]"
}
