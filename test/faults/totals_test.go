package faults_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/pause"
)

// clientGroup is a group of users, each with one sender and one or more clients.
type clientGroup struct {
	senders []*sender
	clients []*client
}

// connectClients connects one client per user at each URL and starts the senders. It returns
// when each client receives both kinds of messages.
func connectClients(t *testing.T, s *environment, users int, urls ...string) *clientGroup {
	t.Helper()
	c, pub := &clientGroup{}, s.publisher(t)
	for range users {
		user := "teacher-" + uuid.NewString()
		for _, url := range urls {
			k := listen(t, url, user)
			c.clients = append(c.clients, k)
			require.Eventually(t, k.isConnected, waitLimit, 10*time.Millisecond, "not connected")
		}
		c.senders = append(c.senders, pub.startSender(t, user))
	}
	c.awaitFlow(t)
	pause.For(time.Second, "pauses are measured only after the start")
	for _, k := range c.clients {
		k.resetPauses()
	}
	return c
}

// awaitFlow waits until each client has received new messages of both kinds.
func (c *clientGroup) awaitFlow(t *testing.T) {
	t.Helper()
	c.awaitFlowWithin(t, waitLimit)
}

// awaitFlowWithin is awaitFlow with a limit for each client.
func (c *clientGroup) awaitFlowWithin(t *testing.T, limit time.Duration) {
	t.Helper()
	startedAt := time.Now()
	for _, k := range c.clients {
		for _, kind := range []string{"stored", "direct"} {
			require.Eventually(t, func() bool { return k.lastArrival(kind).After(startedAt) }, limit, 20*time.Millisecond,
				"no new %s message", kind)
		}
	}
}

// totals are the counts of a fault over all users and clients.
type totals struct {
	stored, storedLost, storedDuplicated, storedReordered                  int
	directSent, directReceived, directRefused, lostAnnounced, lostSilently int
	directDuplicated                                                       int
	reconnects, resyncs, incomplete                                        int
	closes                                                                 []string
	storedPause, directPause                                               time.Duration
}

// finish stops the senders, waits for the remaining messages and counts.
func (c *clientGroup) finish(t *testing.T) totals {
	t.Helper()
	c.awaitFlow(t)
	for _, s := range c.senders {
		s.cancel()
	}
	var out totals
	for _, s := range c.senders {
		total := s.stop()
		for _, k := range c.of(s.user) {
			require.Eventually(t, func() bool { return k.storedCount() >= total }, waitLimit, 20*time.Millisecond,
				"stored notifications are lost: %d were sent", total)
			k.awaitDirect(s.lastAccepted())
			k.stop()
			out.add(t, s, k)
		}
	}
	slices.Sort(out.closes)
	out.closes = slices.Compact(out.closes)
	return out
}

func (c *clientGroup) of(user string) []*client {
	var out []*client
	for _, k := range c.clients {
		if k.user == user {
			out = append(out, k)
		}
	}
	return out
}

// add counts the messages of one client after its end. A direct message that Redis
// accepted counts as lost silently if the client neither received it nor knows that
// it may be missing.
func (u *totals) add(t *testing.T, s *sender, k *client) {
	t.Helper()
	require.Empty(t, k.unexpected)
	u.stored += s.confirmed
	for n := 1; n <= s.confirmed; n++ {
		if k.stored[n] == "" {
			u.storedLost++
		}
	}
	u.storedDuplicated += k.duplicated
	u.storedReordered += k.reordered
	u.directSent += len(s.direct)
	u.directReceived += len(k.direct)
	u.directDuplicated += k.directDuplicated
	for i, d := range s.direct {
		switch {
		case k.direct[i+1]:
		case !d.accepted:
			u.directRefused++
		case k.mayHaveMissed(d):
			u.lostAnnounced++
		default:
			u.lostSilently++
			t.Logf("lost without an announcement: direct message %d of %d of %s, published at %s; the gaps: %v", i+1, len(s.direct), k.user, d.from, k.gaps)
		}
	}
	u.reconnects += k.connected - 1
	u.resyncs += k.resyncs
	u.incomplete += k.incomplete
	u.closes = append(u.closes, k.closes...)
	u.storedPause = max(u.storedPause, k.arrivals["stored"].longestPause)
	u.directPause = max(u.directPause, k.arrivals["direct"].longestPause)
}

// check checks the requirements of every fault.
func (u *totals) check(t *testing.T) {
	t.Helper()
	require.Positive(t, u.stored)
	require.Zero(t, u.storedLost, "stored notifications lost")
	require.Zero(t, u.storedDuplicated, "stored notifications duplicated")
	require.Zero(t, u.storedReordered, "stored notifications out of order")
	require.Zero(t, u.directDuplicated, "direct messages duplicated")
	require.Zero(t, u.lostSilently, "direct messages lost without an announcement")
}

// row prints a row of docs/faults.md: fault, sent, received, announced, pauses,
// readiness.
func (u *totals) row(t *testing.T, fault, readiness string) {
	t.Helper()
	t.Logf("\n| %s | %d stored, %d direct (Redis refused %d) | %d stored (lost %d, duplicated %d), %d direct (lost announced %d, silently %d) | "+
		"%d resync, %d replay_incomplete, %d reconnects | stored %s, direct %s | %s |",
		fault, u.stored, u.directSent, u.directRefused, u.stored-u.storedLost, u.storedLost, u.storedDuplicated, u.directReceived, u.lostAnnounced, u.lostSilently,
		u.resyncs, u.incomplete, u.reconnects, seconds(u.storedPause), seconds(u.directPause), readiness)
	for _, why := range u.closes {
		t.Logf("closed: %s", why)
	}
}
