package faults_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// crowd is some users, each with a sender and a client or more.
type crowd struct {
	senders []*sender
	clients []*client
}

// gather connects users at the URLs, one client of each user at each URL, and
// returns once everybody gets both kinds.
func gather(t *testing.T, s *stage, users int, urls ...string) *crowd {
	t.Helper()
	c, letters := &crowd{}, s.courier(t)
	for range users {
		user := "teacher-" + uuid.NewString()
		for _, url := range urls {
			k := listen(t, url, user)
			c.clients = append(c.clients, k)
			require.Eventually(t, k.on, patience, 10*time.Millisecond, "not connected")
		}
		c.senders = append(c.senders, letters.send(t, user))
	}
	c.awaitFlow(t)
	<-time.After(time.Second)
	for _, k := range c.clients {
		k.calm()
	}
	return c
}

// awaitFlow waits until everybody has got new messages of both kinds.
func (c *crowd) awaitFlow(t *testing.T) {
	t.Helper()
	began := time.Now()
	for _, k := range c.clients {
		for _, kind := range []string{"kept", "direct"} {
			require.Eventually(t, func() bool { return k.newest(kind).After(began) }, patience, 20*time.Millisecond,
				"%s messages do not flow again", kind)
		}
	}
}

// sums are a fault's figures, over all users and clients.
type sums struct {
	kept, keptLost, keptDoubled, disordered int
	told, heard, refused, lost, silent      int
	again                                   int
	reconnects, resyncs, incomplete         int
	closes                                  []string
	keptSilence, directSilence              time.Duration
}

// finish stops the senders, waits for what is still to come, and counts.
func (c *crowd) finish(t *testing.T) sums {
	t.Helper()
	c.awaitFlow(t)
	for _, s := range c.senders {
		s.halt()
	}
	var out sums
	for _, s := range c.senders {
		total := s.stop()
		for _, k := range c.of(s.user) {
			require.Eventually(t, func() bool { return k.has() >= total }, patience, 20*time.Millisecond,
				"kept notifications are lost: %d were sent", total)
			k.stop()
			out.add(t, s, k)
		}
	}
	slices.Sort(out.closes)
	out.closes = slices.Compact(out.closes)
	return out
}

func (c *crowd) of(user string) []*client {
	var out []*client
	for _, k := range c.clients {
		if k.user == user {
			out = append(out, k)
		}
	}
	return out
}

// add counts one client; nothing runs any more. A direct message that Redis
// took and the client neither got nor knows to lack is lost in silence.
func (u *sums) add(t *testing.T, s *sender, k *client) {
	t.Helper()
	require.Empty(t, k.odd)
	u.kept += s.kept
	for n := 1; n <= s.kept; n++ {
		if k.got[n] == "" {
			u.keptLost++
		}
	}
	u.keptDoubled += k.doubled
	u.disordered += k.disordered
	u.told += len(s.told)
	u.heard += len(k.heard)
	u.again += k.again
	for i, d := range s.told {
		switch {
		case k.heard[i+1]:
		case !d.taken:
			u.refused++
		case k.knows(d):
			u.lost++
		default:
			u.silent++
		}
	}
	u.reconnects += k.connected - 1
	u.resyncs += k.resyncs
	u.incomplete += k.incomplete
	u.closes = append(u.closes, k.closes...)
	u.keptSilence = max(u.keptSilence, k.arrivals["kept"].silence)
	u.directSilence = max(u.directSilence, k.arrivals["direct"].silence)
}

// check holds what is promised in every fault.
func (u *sums) check(t *testing.T) {
	t.Helper()
	require.Positive(t, u.kept)
	require.Zero(t, u.keptLost, "kept notifications lost")
	require.Zero(t, u.keptDoubled, "kept notifications doubled")
	require.Zero(t, u.disordered, "kept notifications out of order")
	require.Zero(t, u.again, "direct messages doubled")
	require.Zero(t, u.silent, "direct messages lost that no client was told of")
}

// row prints the table's line: fault, sent, arrived, announced, silence,
// readiness.
func (u *sums) row(t *testing.T, fault, readiness string) {
	t.Helper()
	t.Logf("\n| %s | %d kept, %d direct (Redis refused %d) | %d kept (lost %d, doubled %d), %d direct (lost announced %d, silently %d) | "+
		"%d resync, %d replay_incomplete, %d reconnects | kept %s, direct %s | %s |",
		fault, u.kept, u.told, u.refused, u.kept-u.keptLost, u.keptLost, u.keptDoubled, u.heard, u.lost, u.silent,
		u.resyncs, u.incomplete, u.reconnects, seconds(u.keptSilence), seconds(u.directSilence), readiness)
	for _, why := range u.closes {
		t.Logf("closed: %s", why)
	}
}
