package deadletters_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/cmd/edge/internal/deadletters"
	"github.com/huleedu/edge/cmd/edge/internal/topics"
	"github.com/huleedu/edge/test/servers"
)

// only returns the one record of a topic.
func only(t *testing.T, k *topics.Inspector, topic string) *topics.Record {
	t.Helper()
	var found *topics.Record
	_, err := k.Read(t.Context(), topic, 0, func(r *topics.Record) error {
		found = r
		return nil
	})
	require.NoError(t, err)
	return found
}

// TestRestoredRecords checks which record is written again: the original one while it is the same
// notification, else the dead letter without its own headers, and none if neither is complete.
func TestRestoredRecords(t *testing.T) {
	broker := servers.EmbeddedKafka(t, "originals", "letters")
	k, err := topics.Open(kafka.ConsumerConfig{Brokers: broker.Addr()})
	require.NoError(t, err)
	t.Cleanup(k.Close)
	require.NoError(t, k.Write(t.Context(), "originals", topics.Record{Key: []byte("u"), Value: []byte("original"), Headers: []topics.Header{{Key: "trace", Value: []byte("1")}}}))
	source := fmt.Sprintf("originals/%d/0", only(t, k, "originals").Partition)
	digest := func(value string) topics.Header {
		sum := sha256.Sum256([]byte(value))
		return topics.Header{Key: "dlq_value_sha256", Value: []byte(hex.EncodeToString(sum[:]))}
	}
	omitted := topics.Header{Key: "dlq_value_bytes", Value: []byte("8")}

	for name, c := range map[string]struct {
		value, source string
		headers       []topics.Header
		want, failure string
	}{
		"the original record":           {value: "original", source: source, want: "original record: original [{trace 1}]"},
		"another record at the source":  {value: "letter", source: source, want: "dead letter: letter [{trace 2}]"},
		"the source is gone":            {value: "letter", source: "originals/0/99", want: "dead letter: letter [{trace 2}]"},
		"no source":                     {value: "letter", source: "nowhere", want: "dead letter: letter [{trace 2}]"},
		"omitted value":                 {source: source, headers: []topics.Header{omitted, digest("original")}, want: "original record: original [{trace 1}]"},
		"omitted value, another record": {source: source, headers: []topics.Header{omitted, digest("other")}, failure: "its digest differs"},
		"omitted value, source is gone": {source: "originals/0/99", headers: []topics.Header{omitted, digest("original")}, failure: "not retained any more"},
	} {
		headers := append([]topics.Header{{Key: "trace", Value: []byte("2")}, {Key: "dlq_reason", Value: []byte("r")}, {Key: "dlq_source", Value: []byte(c.source)}}, c.headers...)
		record := &topics.Record{Key: []byte("u"), Value: []byte(c.value), Headers: headers}
		require.NoError(t, k.Write(t.Context(), "letters", *record), name)
		var letters []deadletters.Letter
		require.NoError(t, deadletters.Each(t.Context(), k, "letters", func(l deadletters.Letter) error {
			letters = append(letters, l)
			return nil
		}))
		restored, from, err := letters[len(letters)-1].Restored(t.Context(), k)
		if c.failure != "" {
			require.ErrorContains(t, err, c.failure, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, c.want, fmt.Sprintf("%s: %s %s", from, restored.Value, headerText(restored.Headers)), name)
	}
}

func headerText(headers []topics.Header) (texts []string) {
	for _, h := range headers {
		texts = append(texts, "{"+h.Key+" "+string(h.Value)+"}")
	}
	return texts
}
