package e2e_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// record is a command on Kafka.
type record struct {
	headers  map[string]string
	envelope map[string]any
}

// commandOf reads the command for a batch from the partition that clients in other languages compute.
func (s *environment) commandOf(t *testing.T, batch domain.BatchID, since time.Time) record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	key := []byte(batch)
	r := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{s.kafka}, Topic: string(domain.CommandTopic), MaxWait: 100 * time.Millisecond,
		Partition: kafka.Murmur2Balancer{}.Balance(kafka.Message{Key: key}, 0, 1, 2),
	})
	defer func() { _ = r.Close() }()
	require.NoError(t, r.SetOffsetAt(ctx, since.Add(-time.Second)))
	for {
		m, err := r.ReadMessage(ctx)
		require.NoError(t, err)
		if string(m.Key) != string(batch) {
			continue // another batch
		}
		out := record{headers: map[string]string{}}
		for _, h := range m.Headers {
			out.headers[h.Key] = string(h.Value)
		}
		require.NoError(t, json.Unmarshal(m.Value, &out.envelope))
		return out
	}
}
