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
	"github.com/huleedu/edge/test/servers"
)

// rounds is how often every node is replaced.
func rounds() int {
	if lengthy() {
		return 5
	}
	return 1
}

// pair is two processes of one service behind a balancer that asks whether
// they are ready.
type pair struct {
	name  string
	vars  map[string]string
	nodes [2]*program
	front *balancer
	stops []time.Duration
}

// twoOf starts them and returns when the balancer sends to both.
func twoOf(t *testing.T, name string, vars map[string]string) *pair {
	t.Helper()
	p := &pair{name: name, vars: vars}
	for i := range p.nodes {
		p.nodes[i] = launch(t, name, vars)
	}
	p.front = watchful(t, p.nodes[0].address, p.nodes[1].address)
	for _, n := range p.nodes {
		p.awaitUse(t, n)
	}
	return p
}

func (p *pair) awaitUse(t *testing.T, n *program) {
	t.Helper()
	require.Eventually(t, func() bool { return p.front.knows(n.address) }, patience, 20*time.Millisecond)
}

// roll replaces every node, one after the other. before is called with each
// just before it is asked to end.
func (p *pair) roll(t *testing.T, before func(*program)) {
	t.Helper()
	for i, n := range p.nodes {
		before(n)
		p.stops = append(p.stops, n.stop(t))
		p.nodes[i] = launch(t, p.name, p.vars)
		p.front.replace(i, p.nodes[i].address)
		p.awaitUse(t, p.nodes[i])
	}
}

// TestNotificationNodesRolled replaces both nodes, one after the other, while
// notifications keep coming: every socket is told to come back (1012), does so
// at the other node and lacks nothing that is kept.
func TestNotificationNodesRolled(t *testing.T) {
	t.Parallel()
	// Nobody else's nodes may do the work of these.
	s := newStage(t, servers.OwnRedis(t).URL(), servers.Kafka(t), map[string]string{
		"WEBSOCKET_DRAIN_NOTICE": "2", "WEBSOCKET_DRAIN_SPREAD": "2",
	})
	s.topic = domain.NotificationTopic // the program reads no other
	s.create(t)
	p := twoOf(t, "websocket", s.vars)
	crowd := gather(t, s, users, p.front.url(), p.front.url(), p.front.url())
	closed := 0
	for range rounds() {
		p.roll(t, func(n *program) {
			sockets := socketsOf(t, n.address)
			require.Positive(t, sockets, "nobody is there to be moved")
			closed += sockets
		})
	}
	got := crowd.finish(t)
	got.row(t, fmt.Sprintf("Both of two nodes replaced, %d times", rounds()), p.ends())
	got.check(t)
	require.Equal(t, closed, got.reconnects, "each socket moves once for each end of its node")
	require.Len(t, got.closes, 1, "all are told the same")
	require.Contains(t, got.closes[0], "close 1012")
	require.Zero(t, got.incomplete+got.resyncs, "there is no gap")
}

// ends tells how long the stops took.
func (p *pair) ends() string {
	words := make([]string, 0, len(p.stops))
	for _, d := range p.stops {
		words = append(words, seconds(d))
	}
	return "nodes end after " + strings.Join(words, ", ")
}

// socketsOf asks a node how many sockets it holds.
func socketsOf(t *testing.T, addr string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
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
