package faults_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/servers"
)

// TestNodesKilled ends one of three nodes at random, twenty times, as crashes
// do, while every user has three sockets spread over them.
func TestNodesKilled(t *testing.T) {
	t.Parallel()
	const nodes, kills, people = 3, 20, 3
	s := newStage(t, servers.Redis(t), servers.Kafka(t), nil)
	s.topic = domain.NotificationTopic // the program reads no other
	s.create(t)
	programs := make([]*program, nodes)
	addresses := make([]string, nodes)
	for i := range programs {
		programs[i] = launch(t, "websocket", s.vars)
		addresses[i] = programs[i].address
	}
	front := balance(t, addresses...)
	awaitReady(t, programs[0].address)
	crowd := gather(t, s, people, front.url(), front.url(), front.url())
	words := map[string]int{}
	for range kills {
		one := rand.IntN(nodes)
		programs[one].kill()
		for i, p := range programs {
			if i != one {
				words[word(t.Context(), p.address)]++
			}
		}
		programs[one] = launch(t, "websocket", s.vars)
		front.replace(one, programs[one].address)
		<-time.After(during(8*time.Second, 500*time.Millisecond))
	}
	for _, p := range programs {
		awaitReady(t, p.address)
	}
	got := crowd.finish(t)
	got.row(t, fmt.Sprintf("One of three nodes killed, %d times", kills), fmt.Sprintf("the others: %d times ready, %d degraded", words["ready"], words["degraded"]))
	got.check(t)
	require.Equal(t, kills*(nodes-1), words["ready"]+words["degraded"], "the others must serve on: %v", words)
	require.Zero(t, got.incomplete)
	require.Zero(t, got.resyncs)
	require.Greater(t, got.reconnects, kills/2, "the kills must hit somebody")
}
