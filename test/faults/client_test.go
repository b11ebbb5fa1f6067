package faults_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/huleedu/edge/test/pause"
)

// directLimit is how long a direct message can be on its way without a fault.
const directLimit = 5 * time.Second

// gapWindow is a period in which a client knows that it may have missed direct messages.
type gapWindow struct {
	from, to  time.Time
	reconnect bool // not a resync frame
}

// client is a resuming client of the notification service: a socket of "edge listen", or an
// event stream. It records all messages.
type client struct {
	user   string
	cancel context.CancelFunc
	done   chan struct{}

	mu               sync.Mutex
	stored           map[int]string     // number -> id of stored notifications
	ids              map[string]bool    // ids of stored notifications
	direct           map[int]bool       // numbers of direct messages
	last             int                // highest number of a stored notification
	duplicated       int                // stored notifications received again
	reordered        int                // stored notifications received after a later one
	directDuplicated int                // direct messages received again
	arrivals         map[string]arrival // by event
	connected        int
	resyncs          int
	incomplete       int
	closes           []string
	gaps             []gapWindow
	disconnectedAt   time.Time // when the connection ended; zero while connected
	unexpected       []string
}

// arrival is the time of the last message and the longest pause between messages.
type arrival struct {
	last         time.Time
	longestPause time.Duration
}

// listen connects a client, which stays connected until the test ends.
func listen(t *testing.T, url, user string) *client {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	c := &client{
		user: user, cancel: end, done: make(chan struct{}), stored: map[int]string{}, ids: map[string]bool{},
		direct: map[int]bool{}, arrivals: map[string]arrival{}, disconnectedAt: time.Now(),
	}
	go func() {
		defer close(c.done)
		if err := c.receive(ctx, url); err != nil {
			c.handleStatus("stopped: " + err.Error())
		}
	}()
	t.Cleanup(c.stop)
	return c
}

func (c *client) stop() {
	c.cancel()
	<-c.done
}

// handleStatus records a change of the connection.
func (c *client) handleStatus(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	switch {
	case text == "connected":
		c.connected++
		// A direct message can be lost with the connection from the time of the last
		// message that arrived, which took up to a second.
		from := c.disconnectedAt
		if last := c.arrivals["direct"].last; !last.IsZero() && last.Before(from) {
			from = last
		}
		from = from.Add(-time.Second)
		c.gaps = append(c.gaps, gapWindow{from, now, true})
		c.disconnectedAt = time.Time{}
	case strings.HasPrefix(text, "disconnected"):
		if c.disconnectedAt.IsZero() {
			c.disconnectedAt = now
			why, _, _ := strings.Cut(text, "; reconnecting in")
			why, _, _ = strings.Cut(why, `,"correlation_id"`)
			c.closes = append(c.closes, why)
		}
	case strings.HasPrefix(text, "stopped"):
		c.unexpected = append(c.unexpected, text)
	}
}

// handleFrame records one frame.
func (c *client) handleFrame(frame []byte) {
	var in struct {
		Event string
		ID    string
		Data  struct {
			N     int
			Since time.Time
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := json.Unmarshal(frame, &in); err != nil {
		c.unexpected = append(c.unexpected, string(frame))
		return
	}
	now := time.Now()
	switch in.Event {
	case "stored":
		c.recordStored(in.Data.N, in.ID)
	case "direct":
		if c.direct[in.Data.N] {
			c.directDuplicated++
		}
		c.direct[in.Data.N] = true
	case "resync":
		c.resyncs++
		c.gaps = append(c.gaps, gapWindow{in.Data.Since, now, false})
	case "replay_incomplete":
		c.incomplete++
	default:
		c.unexpected = append(c.unexpected, string(frame))
	}
	a := c.arrivals[in.Event]
	if !a.last.IsZero() {
		a.longestPause = max(a.longestPause, now.Sub(a.last))
	}
	a.last = now
	c.arrivals[in.Event] = a
}

func (c *client) recordStored(n int, id string) {
	if c.ids[id] || c.stored[n] != "" {
		c.duplicated++
		return
	}
	if n < c.last {
		c.reordered++
	}
	c.stored[n], c.ids[id], c.last = id, true, max(c.last, n)
}

// isConnected reports whether the client is connected.
func (c *client) isConnected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.disconnectedAt.IsZero()
}

// storedCount returns the number of stored notifications received.
func (c *client) storedCount() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.stored)
}

// awaitDirect waits until the direct message has arrived, because it can be on its way when the senders
// stop. A message that does not arrive is counted later.
func (c *client) awaitDirect(n int) {
	for end := time.Now().Add(directLimit); time.Now().Before(end) && !c.hasDirect(n); {
		pause.For(10*time.Millisecond, "the interval of the check")
	}
}

func (c *client) hasDirect(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return n == 0 || c.direct[n]
}

// lastArrival returns the time of the last message of an event.
func (c *client) lastArrival(kind string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.arrivals[kind].last
}

// resetPauses resets the longest pauses.
func (c *client) resetPauses() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for kind, a := range c.arrivals {
		c.arrivals[kind] = arrival{last: a.last}
	}
}

// extendReconnectGaps begins each gap of a reconnect earlier: on a slow line messages that were
// published that long before the connection ended were on their way.
func (c *client) extendReconnectGaps(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, g := range c.gaps {
		if g.reconnect {
			c.gaps[i].from = g.from.Add(-by)
		}
	}
}

// shiftAnnouncedGaps moves the beginning of each gap that a resync frame announced, because the clock of
// the node differs from that of the test. It reports false if there is none yet.
func (c *client) shiftAnnouncedGaps(by time.Duration) (found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, g := range c.gaps {
		if !g.reconnect {
			c.gaps[i].from, found = g.from.Add(by), true
		}
	}
	return found
}

// mayHaveMissed reports whether the client knows that it may have missed the message.
func (c *client) mayHaveMissed(d directMessage) bool {
	for _, s := range c.gaps {
		if !d.to.Before(s.from) && !d.from.After(s.to) {
			return true
		}
	}
	return false
}
