package faults_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
)

// directLoss says which direct messages a fault may lose. Stored notifications are never lost.
type directLoss string

const (
	// losesNothing requires that each direct message arrives and that nothing is announced.
	losesNothing directLoss = "nothing"
	// losesInGap allows losses only within a gap that a resync frame announces; sockets stay open.
	losesInGap directLoss = "direct messages within a `resync`"
	// losesWhileAway allows losses only while a client was disconnected.
	losesWhileAway directLoss = "direct messages while disconnected"
)

// expectation says beforehand what a fault of one link of the notification service does.
type expectation struct {
	link, fault string
	loss        directLoss
	// recovery is how long after the fault all clients receive both kinds again, at most.
	recovery time.Duration
	// sees is what a client sees. The test checks it with the closes that clients report.
	sees string
	// closes are the texts of closes that clients may report.
	closes []string
	// transit is how long messages can be on their way: a client that reconnects may have missed
	// those that were sent that long before its connection ended.
	transit time.Duration
	// fast selects the row for the run without EDGE_TEST_FULL.
	fast bool
}

const (
	redisLink  = "node - Redis"
	kafkaLink  = "node - Kafka"
	clientLink = "client - node"
)

// Texts of what a client sees.
const (
	seesNothing = "nothing"
	seesDelay   = "later messages"
	seesResync  = "`resync`, the socket stays open"
	seesBreak   = "a broken connection, then the rest after a reconnect"
)

// brokenCloses returns what a client reports of a connection that ends without a close frame.
func brokenCloses() []string {
	return []string{"unexpected EOF", "reset by peer", "EOF", "i/o timeout", "bad handshake", "close 1006", "broken pipe", "malformed HTTP"}
}

// notificationExpectations returns a row for each link of the notification service and fault.
func notificationExpectations() []expectation {
	broken := brokenCloses()
	slow := append([]string{"close 4001", "close 4002"}, broken...)
	return []expectation{
		{link: redisLink, fault: slowLine, loss: losesNothing, recovery: 5 * time.Second, sees: seesDelay},
		{link: redisLink, fault: narrowLine, loss: losesWhileAway, recovery: 25 * time.Second, sees: seesDelay + ", or close 4001", closes: []string{"close 4001"}, transit: faultLength()},
		{link: redisLink, fault: halfOpenLine, loss: losesInGap, recovery: 10 * time.Second, sees: seesResync, fast: true},
		{link: redisLink, fault: cutCommand, loss: losesInGap, recovery: 10 * time.Second, sees: seesResync},
		{link: redisLink, fault: cutAnswer, loss: losesInGap, recovery: 10 * time.Second, sees: seesResync, fast: true},
		{link: redisLink, fault: lateClose, loss: losesNothing, recovery: 5 * time.Second, sees: seesNothing},
		{link: redisLink, fault: slicedLine, loss: losesNothing, recovery: 5 * time.Second, sees: seesNothing},
		{link: redisLink, fault: slowThenCut, loss: losesInGap, recovery: 10 * time.Second, sees: seesResync},

		{link: kafkaLink, fault: slowLine, loss: losesNothing, recovery: 5 * time.Second, sees: seesDelay},
		{link: kafkaLink, fault: narrowLine, loss: losesNothing, recovery: 30 * time.Second, sees: seesDelay},
		{link: kafkaLink, fault: halfOpenLine, loss: losesNothing, recovery: 30 * time.Second, sees: seesDelay},
		{link: kafkaLink, fault: cutCommand, loss: losesNothing, recovery: 30 * time.Second, sees: seesDelay},
		{link: kafkaLink, fault: cutAnswer, loss: losesNothing, recovery: 30 * time.Second, sees: seesDelay, fast: true},
		{link: kafkaLink, fault: lateClose, loss: losesNothing, recovery: 5 * time.Second, sees: seesNothing},
		{link: kafkaLink, fault: slicedLine, loss: losesNothing, recovery: 5 * time.Second, sees: seesDelay},

		{link: clientLink, fault: slowLine, loss: losesNothing, recovery: 5 * time.Second, sees: seesDelay},
		{link: clientLink, fault: narrowLine, loss: losesWhileAway, recovery: 25 * time.Second, sees: seesDelay + ", or close 4001 or 4002", closes: slow, transit: faultLength()},
		{link: clientLink, fault: halfOpenLine, loss: losesWhileAway, recovery: 25 * time.Second, sees: seesBreak, closes: broken, fast: true},
		{link: clientLink, fault: cutCommand, loss: losesWhileAway, recovery: 25 * time.Second, sees: seesBreak, closes: broken},
		{link: clientLink, fault: cutAnswer, loss: losesWhileAway, recovery: 25 * time.Second, sees: seesBreak, closes: broken},
		{link: clientLink, fault: lateClose, loss: losesNothing, recovery: 5 * time.Second, sees: seesNothing},
		{link: clientLink, fault: slicedLine, loss: losesNothing, recovery: 5 * time.Second, sees: seesNothing},
	}
}

// declared returns the columns of the row that are known before the run.
func (e expectation) declared() string {
	return fmt.Sprintf("| %s | %s | %s | %s | %.0f s |", e.link, e.fault, e.loss, e.sees, e.recovery.Seconds())
}

// measure injects a fault while messages flow, prints the row and compares it with the counts. fault
// returns when the fault is over; node is the address of a node that must be ready again in time.
func (e expectation) measure(t *testing.T, clients *clientGroup, node string, fault func()) *totals {
	t.Helper()
	fault()
	endedAt := time.Now()
	require.Eventually(t, func() bool { return harness.Readiness(t.Context(), node) == "ready" }, e.recovery, 50*time.Millisecond, "not ready in time")
	clients.awaitFlowWithin(t, e.recovery)
	recovered := time.Since(endedAt)
	pause.For(settleTime, "messages flow for some time after the fault")
	for _, k := range clients.clients {
		k.extendReconnectGaps(e.transit)
	}
	got := clients.finish(t)
	t.Logf("\n%s arrived %d of %d stored, %d of %d direct, %d resync, %d reconnects, again after %s |", e.declared(),
		got.stored-got.storedLost, got.stored, got.directReceived, got.directSent-got.directRefused, got.resyncs, got.reconnects, seconds(recovered))
	for _, why := range got.closes {
		t.Logf("closed: %s", why)
	}
	e.check(t, &got)
	return &got
}

// check compares the counts of a run with the row.
func (e expectation) check(t *testing.T, got *totals) {
	t.Helper()
	got.check(t)
	require.Zero(t, got.incomplete, "no replay is incomplete")
	switch e.loss {
	case losesNothing:
		require.Zero(t, got.lostAnnounced, "direct messages lost")
		require.Zero(t, got.resyncs, "there is no gap")
		require.Zero(t, got.reconnects, "sockets stay open")
	case losesInGap:
		require.Zero(t, got.reconnects, "sockets stay open")
		if e.sees == seesResync {
			require.Positive(t, got.resyncs, "the gap is announced")
		}
	case losesWhileAway:
		require.Zero(t, got.resyncs, "the subscription did not break")
		if e.sees == seesBreak {
			require.Positive(t, got.reconnects, "the fault breaks connections")
		}
	}
	for _, text := range got.closes {
		require.True(t, containsAny(text, e.closes), "an unexpected end of a connection: %s", text)
	}
}

func containsAny(text string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// TestRowsAreDocumented checks that docs/faults.md has the rows of all faults, with what they declare.
func TestRowsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/faults.md")
	require.NoError(t, err)
	for _, e := range append(notificationExpectations(), hostExpectations()...) {
		require.Contains(t, string(text), "\n"+e.declared(), "docs/faults.md lacks the row, or declares something else")
	}
	for _, e := range append(gatewayExpectations(), hostGatewayExpectations()...) {
		require.Contains(t, string(text), "\n"+e.declared(), "docs/faults.md lacks the row, or declares something else")
	}
}
