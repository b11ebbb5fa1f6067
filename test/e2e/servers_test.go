package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/world"
)

// backing is the Redis and Kafka of a test. The functions are set only if the test has its own servers.
type backing struct {
	redis, kafka           string
	stopRedis, startRedis  func()
	stopKafka, resumeKafka func()
	// refuseCommands answers commands with an error code of Kafka's protocol; it is
	// set on an embedded broker only.
	refuseCommands func(code int16) *world.InjectedFault
}

// onEach runs a test on embedded and on real servers. Other tests use them too, so the test needs unique
// users, batches and groups.
func onEach(t *testing.T, test func(*testing.T, backing)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, embedded(t))
	})
	t.Run("real", func(t *testing.T) {
		t.Parallel()
		test(t, backing{redis: servers.Redis(t), kafka: servers.Kafka(t)})
	})
}

// onEachRedis is onEach for a test that stops Redis.
func onEachRedis(t *testing.T, test func(*testing.T, backing)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, embedded(t))
	})
	t.Run("real", func(t *testing.T) {
		t.Parallel()
		r := servers.OwnRedis(t)
		test(t, backing{redis: r.URL(), kafka: servers.Kafka(t), stopRedis: r.Kill, startRedis: r.Start})
	})
}

// onEachKafka is onEach for a test that stops Kafka.
func onEachKafka(t *testing.T, test func(*testing.T, backing)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, embedded(t))
	})
	t.Run("real", func(t *testing.T) {
		t.Parallel()
		k := servers.OwnKafka(t)
		test(t, backing{redis: servers.Redis(t), kafka: k.Addr(), stopKafka: k.Pause, resumeKafka: k.Resume})
	})
}

// embedded starts Redis and Kafka in this process.
func embedded(t *testing.T) backing {
	t.Helper()
	r, err := world.StartRedis("")
	require.NoError(t, err)
	t.Cleanup(r.Close)
	k, err := world.StartKafka("")
	require.NoError(t, err)
	t.Cleanup(k.Close)
	return backing{
		redis: r.URL(), kafka: k.Addr(),
		stopRedis: r.Stop, startRedis: func() { require.NoError(t, r.Restart()) },
		stopKafka: k.Hang, resumeKafka: k.Resume,
		refuseCommands: func(code int16) *world.InjectedFault { return k.FailWritesWith(string(domain.CommandTopic), code) },
	}
}
