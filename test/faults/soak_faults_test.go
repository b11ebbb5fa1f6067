package faults_test

import (
	"math/rand/v2"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/world"
)

// soakFault is one fault of a soak.
type soakFault struct {
	name string
	run  func()
}

// faults returns all faults. Each returns when what it stopped runs again. random selects the node
// that is killed.
func (s *soak) faults(random *rand.Rand) []soakFault {
	wait := func(d time.Duration) { pause.For(d, "the length of the outage is the input") }
	return []soakFault{
		{"a node is killed", func() { s.killNode(random.IntN(len(s.nodes.nodes))) }},
		{"all nodes are replaced", func() { s.nodes.roll(s.t, s.checkRacesOf) }},
		{"all gateways are replaced", func() { s.gateways.roll(s.t, s.checkRacesOf) }},
		{"Redis is killed", func() { s.redis.Kill(); wait(2 * time.Second); s.redis.Start() }},
		{"Redis is stopped", func() { s.redis.Pause(); wait(5 * time.Second); s.redis.Resume() }},
		{"Kafka is killed", func() { s.kafka.Kill(); wait(2 * time.Second); s.kafka.Start() }},
		{"Kafka is stopped", func() { s.kafka.Pause(); wait(8 * time.Second); s.kafka.Resume() }},
		{"the aggregator fails", func() {
			s.gateways.platform.FailAggregator(world.Disconnect)
			wait(5 * time.Second)
			s.gateways.platform.FailAggregator(world.NoFailure)
		}},
	}
}

// killNode kills the node i and starts another one in its place.
func (s *soak) killNode(i int) {
	s.checkRacesOf(s.nodes.nodes[i])
	s.nodes.nodes[i].Kill()
	s.nodes.nodes[i] = s.nodes.start(s.t)
	s.nodes.front.replace(i, s.nodes.nodes[i].Address(s.t))
	s.nodes.awaitUse(s.t, s.nodes.nodes[i])
}

// checkRacesOf requires that the race detector has reported nothing in a program that ends.
func (s *soak) checkRacesOf(p *harness.Program) {
	require.NotContains(s.t, p.Stderr.String(), "DATA RACE")
}
