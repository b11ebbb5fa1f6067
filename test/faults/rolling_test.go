package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/servers"
)

// rounds returns how often every node is replaced.
func rounds() int {
	if harness.Full() {
		return 5
	}
	return 1
}

// pair is two processes of one service behind a balancer with readiness probes.
type pair struct {
	name string
	// start starts one node.
	start func(*testing.T) *harness.Program
	nodes [2]*harness.Program
	front *balancer
	stops []time.Duration
}

// startPair starts two nodes and returns when the balancer uses both.
func startPair(t *testing.T, name string, vars map[string]string) *pair {
	t.Helper()
	return startPairOf(t, name, func(t *testing.T) *harness.Program { return harness.Start(t, name, vars) })
}

// startPairOf is startPair with a function that starts a node.
func startPairOf(t *testing.T, name string, start func(*testing.T) *harness.Program) *pair {
	t.Helper()
	p := &pair{name: name, start: start}
	for i := range p.nodes {
		p.nodes[i] = start(t)
	}
	p.front = newProbingBalancer(t, p.nodes[0].Address(t), p.nodes[1].Address(t))
	for _, n := range p.nodes {
		p.awaitUse(t, n)
	}
	return p
}

func (p *pair) awaitUse(t *testing.T, n *harness.Program) {
	t.Helper()
	require.Eventually(t, func() bool { return p.front.isReady(n.Address(t)) }, waitLimit, 20*time.Millisecond)
}

// roll replaces both nodes in turn. It calls before with each node before it stops it.
func (p *pair) roll(t *testing.T, before func(*harness.Program)) {
	t.Helper()
	for i, n := range p.nodes {
		before(n)
		p.stops = append(p.stops, n.Stop(t))
		p.nodes[i] = p.start(t)
		p.front.replace(i, p.nodes[i].Address(t))
		p.awaitUse(t, p.nodes[i])
	}
}

// TestNotificationNodesRolled replaces both nodes in turn while notifications are
// sent. Each socket is closed with 1012, reconnects to the other node and misses no
// stored notification.
func TestNotificationNodesRolled(t *testing.T) {
	t.Parallel()
	// Own Redis: nodes of other tests must not take over the subscriptions.
	s := newEnvironment(t, servers.OwnRedis(t).URL(), servers.Kafka(t), map[string]string{
		"WEBSOCKET_DRAIN_NOTICE": "2", "WEBSOCKET_DRAIN_SPREAD": "2",
	})
	s.topic = domain.NotificationTopic // the program reads only this topic
	s.createTopic(t)
	p := startPair(t, "websocket", s.vars)
	clients := connectClients(t, s, users, p.front.url(), p.front.url(), p.front.url())
	closed := 0
	for range rounds() {
		p.roll(t, func(n *harness.Program) {
			sockets := socketsOf(t, n.Address(t))
			require.Positive(t, sockets, "the node must have sockets")
			closed += sockets
		})
	}
	got := clients.finish(t)
	got.row(t, fmt.Sprintf("Both of two nodes replaced, %d times", rounds()), p.describeStops())
	got.check(t)
	require.Equal(t, closed, got.reconnects, "each socket reconnects once per stop of its node")
	require.Len(t, got.closes, 1, "all sockets get the same close code")
	require.Contains(t, got.closes[0], "close 1012")
	require.Zero(t, got.incomplete+got.resyncs, "there is no gap")
}

// describeStops describes how long the stops took.
func (p *pair) describeStops() string {
	words := make([]string, 0, len(p.stops))
	for _, d := range p.stops {
		words = append(words, seconds(d))
	}
	return "nodes stop after " + strings.Join(words, ", ")
}

// socketsOf returns the number of sockets of a node.
func socketsOf(t *testing.T, addr string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/healthz/websocket", http.NoBody)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	var in struct {
		Total int `json:"total_connections"`
	}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&in))
	return in.Total
}
