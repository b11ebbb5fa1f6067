package e2e_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/world"
)

// TestNodeJoinsTheGroupWithItsSubscription checks that a node joins the consumer group when its
// subscription is confirmed, and that an outage of Redis alone does not make it leave.
func TestNodeJoinsTheGroupWithItsSubscription(t *testing.T) {
	t.Parallel()
	k := servers.EmbeddedKafka(t)
	r := servers.EmbeddedRedis(t)
	s := newEnvironment(t, backing{kafka: k.Addr(), redis: r.URL()})
	group := s.vars["KAFKA_CONSUMER_GROUP"]
	r.Stop()
	node := service{harness.StartNode(t, s.vars, s.topic)}
	node.awaitReady(t, "503")
	require.Never(t, func() bool { return k.Members(group) > 0 }, 3*time.Second, 20*time.Millisecond,
		"joined without a subscription")

	require.NoError(t, r.Restart())
	node.awaitReady(t, "ready")
	require.Equal(t, 1, k.Members(group))

	r.Stop()
	node.awaitReady(t, "503")
	require.Never(t, func() bool { return k.Members(group) != 1 }, 3*time.Second, 20*time.Millisecond,
		"an outage of Redis alone causes no rebalance")
	teacher := domain.UserID("teacher-" + uuid.NewString())
	require.NoError(t, s.platform.Notify(t.Context(), teacher, world.NotificationRequestOf("batch_results_ready")))
	require.NoError(t, r.Restart())
	redis := s.redisClient(t)
	require.Eventually(t, func() bool {
		return redis.XLen(t.Context(), "wslog:{"+string(teacher)+"}").Val() == 1
	}, waitLimit, 20*time.Millisecond)
}
