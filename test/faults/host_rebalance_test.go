package faults_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/servers"
)

const (
	// stormLength is how long members join and leave.
	stormLength = 30 * time.Second
	// nodeTimeout is the session and rebalance timeout of nodes. A member with longer ones can hold the
	// group up for as long.
	nodeTimeout = 6 * time.Second
	// membership is how long a member stays in the consumer group, and joinInterval the time between
	// two that join: some are members at the same time.
	membership, joinInterval = 3 * time.Second, time.Second
)

// TestRebalanceStorm lets a member join the consumer group of two nodes and another one leave it each
// second, as with nodes that crash at their start. They commit nothing.
func TestRebalanceStorm(t *testing.T) {
	t.Parallel()
	e := hostFault(t, kafkaGroup, rebalancing)
	s := newEnvironment(t, servers.Redis(t), servers.Kafka(t), nil)
	first, second := s.startNode(t), s.startNode(t)
	clients := connectClients(t, s, linkUsers, "ws://"+first+"/ws", "http://"+second+"/events")
	var joined, records atomic.Int64
	got := e.measure(t, clients, first, func() {
		var members sync.WaitGroup
		for end := time.Now().Add(stormLength); time.Now().Before(end); sleep(t.Context(), joinInterval) {
			members.Go(func() { s.joinBriefly(t.Context(), &joined, &records) })
		}
		members.Wait()
	})
	t.Logf("joined %d times, with %d records; longest pause %s", joined.Load(), records.Load(), seconds(got.storedPause))
	require.Greater(t, joined.Load(), int64(3), "the group must change")
	require.Zero(t, s.lag(t), "records that are not consumed")
}

// joinBriefly is a member of the group for a moment. It counts how often it was assigned partitions and
// how many records it was given.
func (s *environment) joinBriefly(ctx context.Context, joined, records *atomic.Int64) {
	ctx, cancel := context.WithTimeout(ctx, membership)
	defer cancel()
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{s.kafka}, GroupID: s.group, Topic: string(s.topic), MaxWait: 100 * time.Millisecond, MaxAttempts: 1,
		SessionTimeout: nodeTimeout, RebalanceTimeout: nodeTimeout, HeartbeatInterval: nodeTimeout / 3,
	})
	for {
		if _, err := reader.FetchMessage(ctx); err != nil {
			break
		}
		records.Add(1)
	}
	joined.Add(reader.Stats().Rebalances)
	_ = reader.Close() // always nil
}
