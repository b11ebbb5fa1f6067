package servers

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/world"
)

// EmbeddedRedis starts a Redis in this process, which the end of the test stops.
func EmbeddedRedis(t testing.TB) *world.Redis {
	t.Helper()
	r, err := world.StartRedis("")
	require.NoError(t, err)
	t.Cleanup(r.Close)
	return r
}

// EmbeddedKafka starts a Kafka with these topics in this process, which the end of the test stops.
func EmbeddedKafka(t testing.TB, topics ...string) *world.Kafka {
	t.Helper()
	k, err := world.StartKafka("", topics...)
	require.NoError(t, err)
	t.Cleanup(k.Close)
	return k
}
