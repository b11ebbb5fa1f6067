package faults_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/servers"
)

// TestNodesKilled kills a random node of three again and again, twenty times in a full run, while each user has
// three sockets on different nodes.
func TestNodesKilled(t *testing.T) {
	t.Parallel()
	const nodes, people = 3, 3
	kills := harness.Count(20, 8)
	s := newEnvironment(t, servers.Redis(t), servers.Kafka(t), nil)
	s.topic = domain.NotificationTopic // the program reads only this topic
	s.createTopic(t)
	programs := make([]*harness.Program, nodes)
	addresses := make([]string, nodes)
	for i := range programs {
		programs[i] = harness.Start(t, "websocket", s.vars)
		addresses[i] = programs[i].Address(t)
	}
	front := newBalancer(t, addresses...)
	harness.AwaitReady(t, programs[0].Address(t))
	clients := connectClients(t, s, people, front.url(), front.url(), front.url())
	states := map[string]int{}
	for range kills {
		one := rand.IntN(nodes)
		programs[one].Kill()
		for i, p := range programs {
			if i != one {
				states[harness.Readiness(t.Context(), p.Address(t))]++
			}
		}
		programs[one] = harness.Start(t, "websocket", s.vars)
		front.replace(one, programs[one].Address(t))
		pause.For(outageLength(8*time.Second, 500*time.Millisecond), "the time between two kills is the input")
	}
	for _, p := range programs {
		harness.AwaitReady(t, p.Address(t))
	}
	got := clients.finish(t)
	got.row(t, fmt.Sprintf("One of three nodes killed, %d times", kills), fmt.Sprintf("the others: %d times ready, %d degraded", states["ready"], states["degraded"]))
	got.check(t)
	require.Equal(t, kills*(nodes-1), states["ready"]+states["degraded"], "the other nodes must stay ready: %v", states)
	require.Zero(t, got.incomplete)
	require.Zero(t, got.resyncs)
	require.Greater(t, got.reconnects, kills/2, "the kills must close sockets")
}
