package kafka

import (
	"testing"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
)

// TestOnlyRefusalsThatMayEndAreSentAgain lists the codes that end with a repair, an election or a new
// connection, those whose outcome does not change, and one that no table has.
func TestOnlyRefusalsThatMayEndAreSentAgain(t *testing.T) {
	for _, code := range []kafkago.Error{
		kafkago.InvalidMessage, kafkago.UnknownTopicOrPartition, kafkago.UnknownTopicID, kafkago.InvalidReplicationFactor,
		kafkago.BrokerNotAvailable, kafkago.ReplicaNotAvailable, kafkago.ConcurrentTransactions, kafkago.ReassignmentInProgress,
		kafkago.StaleBrokerEpoch, newLeaderElected, rebootstrapRequired, kafkago.LeaderNotAvailable, kafkago.NotLeaderForPartition,
	} {
		require.True(t, classifyCode(code).retried, "%d", code)
	}
	for _, code := range []kafkago.Error{
		kafkago.MessageSizeTooLarge, kafkago.InvalidRecord, kafkago.InvalidTimestamp, kafkago.InvalidTopic, kafkago.TopicAuthorizationFailed, 9999,
	} {
		require.False(t, classifyCode(code).retried, "%d", code)
	}
}
