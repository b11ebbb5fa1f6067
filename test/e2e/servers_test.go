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

// isEmbedded reports whether Redis and Kafka run in this process.
func (b backing) isEmbedded() bool { return b.refuseCommands != nil }

// onEach runs a test on embedded and on real servers. Other tests use them too, so the test needs unique
// users, batches and groups.
func onEach(t *testing.T, test func(*testing.T, backing)) {
	t.Helper()
	onBoth(t, test, func(t *testing.T) backing { return backing{redis: servers.Redis(t), kafka: servers.Kafka(t)} })
}

// onAny runs a test in which Redis and Kafka only have to work: on the real servers, or on embedded
// ones if there are none.
func onAny(t *testing.T, test func(*testing.T, backing)) {
	t.Helper()
	if servers.HasRedis() && servers.HasKafka() {
		test(t, backing{redis: servers.Redis(t), kafka: servers.Kafka(t)})
		return
	}
	test(t, embedded(t))
}

// onEachRedis is onEach for a test that stops Redis.
func onEachRedis(t *testing.T, test func(*testing.T, backing)) {
	t.Helper()
	onBoth(t, test, func(t *testing.T) backing {
		r := servers.OwnRedis(t)
		return backing{redis: r.URL(), kafka: servers.Kafka(t), stopRedis: r.Kill, startRedis: r.Start}
	})
}

// onEachKafka is onEach for a test that stops Kafka.
func onEachKafka(t *testing.T, test func(*testing.T, backing)) {
	t.Helper()
	onBoth(t, test, func(t *testing.T) backing {
		k := servers.OwnKafka(t)
		return backing{redis: servers.Redis(t), kafka: k.Addr(), stopKafka: k.Pause, resumeKafka: k.Resume}
	})
}

// onBoth runs a test on embedded servers and on the real ones, in parallel.
func onBoth(t *testing.T, test func(*testing.T, backing), realServers func(*testing.T) backing) {
	t.Helper()
	for name, start := range map[string]func(*testing.T) backing{"embedded": embedded, "real": realServers} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

// embedded starts Redis and Kafka in this process.
func embedded(t *testing.T) backing {
	t.Helper()
	r := servers.EmbeddedRedis(t)
	k := servers.EmbeddedKafka(t)
	return backing{
		redis: r.URL(), kafka: k.Addr(),
		stopRedis: r.Stop, startRedis: func() { require.NoError(t, r.Restart()) },
		stopKafka: k.Hang, resumeKafka: k.Resume,
		refuseCommands: func(code int16) *world.InjectedFault { return k.FailWritesWith(string(domain.CommandTopic), code) },
	}
}
