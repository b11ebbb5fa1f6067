package topics_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/cmd/edge/internal/topics"
	"github.com/huleedu/edge/test/servers"
)

func TestTopicsOnEmbeddedKafka(t *testing.T) { testTopics(t, servers.EmbeddedKafka(t).Addr()) }
func TestTopicsOnRealKafka(t *testing.T)     { testTopics(t, servers.Kafka(t)) }

// testTopics tests the client on the broker at an address.
func testTopics(t *testing.T, address string) {
	t.Helper()
	c, err := topics.Open(kafka.ConsumerConfig{Brokers: address})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	for name, test := range map[string]func(*testing.T, *topics.Inspector, string){
		"a written record is read as it was": readsWhatWasWritten,
		"the newest records are read":        readsNewest,
		"an error of visit ends the reading": stopsAtError,
		"control records are not visited":    func(t *testing.T, c *topics.Inspector, topic string) { skipsControlRecords(t, c, topic, address) },
		"a missing topic has no records":     missingTopic,
	} {
		t.Run(name, func(t *testing.T) {
			topic := "topics." + uuid.NewString()
			if name != "a missing topic has no records" {
				createTopic(t, address, topic)
			}
			test(t, c, topic)
		})
	}
}

// createTopic lets the broker create a topic.
func createTopic(t *testing.T, address, topic string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.AllowAutoTopicCreation())
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: []byte("first"), Value: []byte("first")}).FirstErr())
}

// read returns the records of a topic in the form "partition/offset value".
func read(t *testing.T, c *topics.Inspector, topic string, newest int64) (values []string, total int64) {
	t.Helper()
	total, err := c.Read(t.Context(), topic, newest, func(r *topics.Record) error {
		values = append(values, string(r.Value))
		return nil
	})
	require.NoError(t, err)
	return values, total
}

func readsWhatWasWritten(t *testing.T, c *topics.Inspector, topic string) {
	headers := []topics.Header{{Key: "trace", Value: []byte("one")}, {Key: "trace", Value: []byte("two")}}
	require.NoError(t, c.Write(t.Context(), topic, topics.Record{Key: []byte("k"), Value: []byte("v"), Headers: headers}))
	var written *topics.Record
	_, err := c.Read(t.Context(), topic, 0, func(r *topics.Record) error {
		if string(r.Key) == "k" {
			written = r
		}
		return nil
	})
	require.NoError(t, err)
	require.NotNil(t, written)
	found, err := c.Record(t.Context(), topic, written.Partition, written.Offset)
	require.NoError(t, err)
	require.Equal(t, "k=v", string(found.Key)+"="+string(found.Value))
	require.Equal(t, headers, found.Headers)
	require.WithinDuration(t, time.Now(), found.Timestamp, time.Minute)
	for _, at := range []topics.Record{{Partition: written.Partition, Offset: written.Offset + 1}, {Partition: written.Partition, Offset: -1}, {Partition: 99}} {
		_, err = c.Record(t.Context(), topic, at.Partition, at.Offset)
		require.ErrorContains(t, err, "the broker has no such record", "%d/%d", at.Partition, at.Offset)
	}
}

func readsNewest(t *testing.T, c *topics.Inspector, topic string) {
	for i := range 20 {
		require.NoError(t, c.Write(t.Context(), topic, topics.Record{Key: []byte("first"), Value: fmt.Append(nil, i)}))
	}
	values, total := read(t, c, topic, 3)
	require.EqualValues(t, 21, total)
	require.Equal(t, []string{"17", "18", "19"}, values)
	values, _ = read(t, c, topic, 0)
	require.Len(t, values, 21)
}

var errEnough = errors.New("enough")

func stopsAtError(t *testing.T, c *topics.Inspector, topic string) {
	_, err := c.Read(t.Context(), topic, 0, func(*topics.Record) error { return errEnough })
	require.ErrorIs(t, err, errEnough)
}

// skipsControlRecords reads a topic that ends with the marker of a transaction.
func skipsControlRecords(t *testing.T, c *topics.Inspector, topic, address string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.TransactionalID(uuid.NewString()))
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.BeginTransaction())
	require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: []byte("first"), Value: []byte("last")}).FirstErr())
	require.NoError(t, client.EndTransaction(t.Context(), kgo.TryCommit))
	values, _ := read(t, c, topic, 0)
	require.Equal(t, []string{"first", "last"}, values)
}

func missingTopic(t *testing.T, c *topics.Inspector, topic string) {
	values, total := read(t, c, topic, 0)
	require.Empty(t, values)
	require.Zero(t, total)
	require.ErrorContains(t, c.Write(t.Context(), topic, topics.Record{Value: []byte("v")}), "does not exist")
	partitions, err := c.Partitions(t.Context(), topic)
	require.NoError(t, err)
	require.Empty(t, partitions, "the client creates no topic")
}

// TestWriteWaitsForALeader writes while every partition is without a leader, and then gets one.
func TestWriteWaitsForALeader(t *testing.T) {
	const notLeader = 6
	k := servers.EmbeddedKafka(t, "topic")
	c, err := topics.Open(kafka.ConsumerConfig{Brokers: k.Addr()})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	election := k.FailWritesWith("topic", notLeader)
	elected := make(chan error, 1)
	go func() {
		err := election.WaitHit(t.Context())
		election.Remove()
		elected <- err
	}()
	require.NoError(t, c.Write(t.Context(), "topic", topics.Record{Key: []byte("k"), Value: []byte("v")}))
	require.NoError(t, <-elected)
	values, _ := read(t, c, "topic", 0)
	require.Equal(t, []string{"v"}, values)
}

func TestUnreachableBrokersAreAnError(t *testing.T) {
	c, err := topics.Open(kafka.ConsumerConfig{Brokers: "127.0.0.1:1"})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	_, err = c.Partitions(t.Context(), "topic")
	require.ErrorContains(t, err, "connection refused")
}
