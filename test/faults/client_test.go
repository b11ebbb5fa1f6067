package faults_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/huleedu/edge/adapters/console"
)

// span is a time in which a client may have missed what nobody keeps, and knows
// it.
type span struct{ from, to time.Time }

// client is a person's resuming client: the one of "edge listen". It notes all
// that comes.
type client struct {
	user string
	end  context.CancelFunc
	done chan struct{}

	mu         sync.Mutex
	got        map[int]string    // kept, by number: the id
	ids        map[string]bool   // of kept ones
	heard      map[int]bool      // direct, by number
	last       int               // the highest kept number
	doubled    int               // kept ones that came again
	disordered int               // kept ones that came behind a later one
	again      int               // direct ones that came again
	arrivals   map[string]moment // of each kind
	connected  int
	resyncs    int
	incomplete int
	closes     []string
	excused    []span
	left       time.Time // when the connection ended; zero while there is one
	odd        []string
}

// moment is when something came last, and the longest pause before it.
type moment struct {
	last    time.Time
	silence time.Duration
}

// listen connects and stays until the test ends.
func listen(t *testing.T, url, user string) *client {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	c := &client{
		user: user, end: end, done: make(chan struct{}), got: map[int]string{}, ids: map[string]bool{},
		heard: map[int]bool{}, arrivals: map[string]moment{}, left: time.Now(),
	}
	go func() {
		defer close(c.done)
		s := console.Socket{URL: url, Token: tokenOf(user), Since: "0", Frame: c.take, Note: c.note}
		if err := s.Listen(ctx); err != nil {
			c.note("gave up: " + err.Error())
		}
	}()
	t.Cleanup(c.stop)
	return c
}

func (c *client) stop() {
	c.end()
	<-c.done
}

// note takes what happens to the connection.
func (c *client) note(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	switch {
	case text == "connected":
		c.connected++
		// From the last one that came, a message may have been on its way to the
		// connection that ended.
		from := c.left.Add(-time.Second)
		if last := c.arrivals["direct"].last; !last.IsZero() && last.Before(from) {
			from = last
		}
		c.excused = append(c.excused, span{from, now})
		c.left = time.Time{}
	case strings.HasPrefix(text, "disconnected"):
		if c.left.IsZero() {
			c.left = now
			why, _, _ := strings.Cut(text, "; again in")
			why, _, _ = strings.Cut(why, `,"correlation_id"`)
			c.closes = append(c.closes, why)
		}
	case strings.HasPrefix(text, "gave up"):
		c.odd = append(c.odd, text)
	}
}

// take counts one frame.
func (c *client) take(frame []byte) {
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
		c.odd = append(c.odd, string(frame))
		return
	}
	now := time.Now()
	switch in.Event {
	case "kept":
		c.keep(in.Data.N, in.ID)
	case "direct":
		if c.heard[in.Data.N] {
			c.again++
		}
		c.heard[in.Data.N] = true
	case "resync":
		c.resyncs++
		c.excused = append(c.excused, span{in.Data.Since, now})
	case "replay_incomplete":
		c.incomplete++
	default:
		c.odd = append(c.odd, string(frame))
	}
	a := c.arrivals[in.Event]
	if !a.last.IsZero() {
		a.silence = max(a.silence, now.Sub(a.last))
	}
	a.last = now
	c.arrivals[in.Event] = a
}

func (c *client) keep(n int, id string) {
	if c.ids[id] || c.got[n] != "" {
		c.doubled++
		return
	}
	if n < c.last {
		c.disordered++
	}
	c.got[n], c.ids[id], c.last = id, true, max(c.last, n)
}

// on reports whether the client is connected.
func (c *client) on() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left.IsZero()
}

// has is how many kept notifications came.
func (c *client) has() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.got)
}

// newest is when something of the kind came last.
func (c *client) newest(kind string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.arrivals[kind].last
}

// calm forgets the pauses so far.
func (c *client) calm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for kind, a := range c.arrivals {
		c.arrivals[kind] = moment{last: a.last}
	}
}

// knows reports whether the client was told that it may lack the message.
func (c *client) knows(d direct) bool {
	for _, s := range c.excused {
		if !d.to.Before(s.from) && !d.from.After(s.to) {
			return true
		}
	}
	return false
}
