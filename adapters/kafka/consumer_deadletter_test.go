package kafka_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/huleedu/edge/domain"
)

// createTopic creates a topic with one partition and the settings.
func createTopic(t *testing.T, addr, topic string, settings map[string]string) {
	t.Helper()
	transport := &kafkago.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafkago.Client{Addr: kafkago.TCP(addr), Transport: transport}
	config := kafkago.TopicConfig{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}
	for name, value := range settings {
		config.ConfigEntries = append(config.ConfigEntries, kafkago.ConfigEntry{ConfigName: name, ConfigValue: value})
	}
	created, err := client.CreateTopics(t.Context(), &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{config}})
	require.NoError(t, err)
	require.NoError(t, created.Errors[topic])
}

// randomBytes returns bytes that do not compress.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func headersOf(r *kgo.Record) map[string][]byte {
	out := map[string][]byte{}
	for _, h := range r.Headers {
		out[h.Key] = h.Value
	}
	return out
}

// produceCompressed writes records in compressed batches.
func (s *scenario) produceCompressed(t *testing.T, records ...*kgo.Record) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.addr), kgo.DefaultProduceTopic(s.topic),
		kgo.ProducerBatchMaxBytes(8<<20), kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.ProduceSync(t.Context(), records...).FirstErr())
}

// TestADeadLetterIsAlwaysWritten writes dead letters that are too large for their topic.
func TestADeadLetterIsAlwaysWritten(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, s *scenario) {
		createTopic(t, s.addr, s.topic, map[string]string{"max.message.bytes": "8000000"})
		createTopic(t, s.addr, s.topic+".dlq", map[string]string{"max.message.bytes": "3000"})
		s.start(t)
		value, large := randomBytes(4000), randomBytes(5_000_000)
		headers := []kgo.RecordHeader{{Key: "h", Value: []byte("v")}, {Key: "null", Value: nil}, {Key: "empty", Value: []byte{}}}
		s.produceCompressed(t, &kgo.Record{Key: []byte("compressed"), Value: bytes.Repeat([]byte("x"), 900_000), Headers: headers})
		s.produceCompressed(t, &kgo.Record{Key: []byte("value"), Value: value, Headers: headers})
		s.produceCompressed(t, &kgo.Record{Key: []byte("huge"), Value: large, Headers: headers})
		s.produceCompressed(t, &kgo.Record{Key: []byte("headers"), Value: value, Headers: []kgo.RecordHeader{{Key: "h", Value: randomBytes(4000)}}})
		s.produceCompressed(t, &kgo.Record{Key: randomBytes(4000), Value: nil})
		s.published.awaitIDs(t, "u1", s.produceEvents(t, "u1", 1))

		got := records(t, s.addr, s.topic+".dlq", 5)
		require.Len(t, got, 5)
		for i, r := range got {
			h := headersOf(r)
			require.Equal(t, s.topic+"/0/"+strconv.Itoa(i), string(h["dlq_source"]))
			require.True(t, strings.HasPrefix(string(h["dlq_reason"]), "PARSING_ERROR"), string(h["dlq_reason"]))
		}
		require.Equal(t, bytes.Repeat([]byte("x"), 900_000), got[0].Value, "compressed, it fits")
		requireOmitted(t, got[1], "dlq_value", value)
		requireOmitted(t, got[2], "dlq_value", large)
		for _, r := range got[1:3] {
			require.Nil(t, r.Value)
			require.Equal(t, headers, r.Headers[:3], "key and headers are kept")
			require.Contains(t, []string{"value", "huge"}, string(r.Key))
		}
		require.Equal(t, "headers", string(got[3].Key))
		require.NotContains(t, headersOf(got[3]), "h")
		requireOmitted(t, got[3], "dlq_value", value)
		require.Equal(t, s.topic+"/0/4", string(got[4].Key), "a key that is too large is omitted too")
		require.Len(t, headersOf(got[4])["dlq_key_sha256"], 64)
		s.facts.awaitResults(t, map[domain.NotificationResult]int{domain.NotificationPublished: 1, domain.NotificationDeadLetter: 5})
	})
}

func requireOmitted(t *testing.T, r *kgo.Record, name string, content []byte) {
	t.Helper()
	sum := sha256.Sum256(content)
	require.Equal(t, strconv.Itoa(len(content)), string(headersOf(r)[name+"_bytes"]))
	require.Equal(t, hex.EncodeToString(sum[:]), string(headersOf(r)[name+"_sha256"]))
}

// TestADeadLetterHasTheTimeOfItsRecordIfItsOwnIsRefused lets the broker refuse the time of this node, as it
// does when the clock is more than an hour ahead. The record must not block its partition.
func TestADeadLetterHasTheTimeOfItsRecordIfItsOwnIsRefused(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	s := newScenario(k.Addr())
	sent := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	k.FailBatches(s.topic+".dlq", kerr.InvalidTimestamp.Code, func(batch []byte) bool {
		const firstTimestamp = 27 // its place in a batch
		return binary.BigEndian.Uint64(batch[firstTimestamp:]) != uint64(sent.UnixMilli())
	})
	s.start(t)
	s.produce(t, &kgo.Record{Key: []byte("u1"), Value: []byte("no envelope"), Timestamp: sent})
	s.published.awaitIDs(t, "u1", s.produceEvents(t, "u1", 1))
	require.Equal(t, sent, records(t, s.addr, s.topic+".dlq", 1)[0].Timestamp)
}

// TestADeadLetterPreservesNullAndEmpty checks all combinations of null and empty keys, values and
// header values.
func TestADeadLetterPreservesNullAndEmpty(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, s *scenario) {
		createTopic(t, s.addr, s.topic, nil)
		createTopic(t, s.addr, s.topic+".dlq", nil)
		var sent []*kgo.Record
		contents := [][]byte{nil, {}, []byte("x")}
		for _, key := range contents {
			for _, value := range contents {
				for _, header := range contents {
					sent = append(sent, &kgo.Record{Key: key, Value: value, Headers: []kgo.RecordHeader{{Key: "", Value: header}}})
				}
			}
		}
		s.start(t)
		for _, r := range sent {
			one := *r
			s.produce(t, &one)
		}
		got := records(t, s.addr, s.topic+".dlq", len(sent))
		for i, r := range got {
			require.Equal(t, sent[i].Key, r.Key, "%d", i)
			require.Equal(t, sent[i].Value, r.Value, "%d", i)
			require.Equal(t, sent[i].Headers, r.Headers[:1], "%d", i)
		}
	})
}
