package model_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go"
	"pgregory.net/rapid"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
)

const (
	// arrivalLimit limits the wait for frames. A killed node holds its partitions for six seconds.
	arrivalLimit = 30 * time.Second
	// leaseTime is how long a killed node's connections may count for the limit of their user.
	leaseTime = 31 * time.Second
	// commandTime is how long the command of an operator may take to all nodes.
	commandTime = 5 * time.Second
	// burst is the largest number of notifications that are sent at once.
	burst = 9
)

// machine runs actions on the system and on the model, and compares both.
type machine struct {
	system  *system
	members []*member
	// events is the prefix of the event ids of this sequence.
	events string
	ids    map[string]string // id of a notification, by user and number
	lines  int
}

// TestDelivery checks the promises of delivery with random sequences of actions.
func TestDelivery(t *testing.T) {
	s := startSystem(t)
	rapid.Check(t, func(r *rapid.T) {
		m := &machine{system: s, events: uuid.NewString(), ids: map[string]string{}}
		for range 2 {
			m.members = append(m.members, &member{name: "teacher-" + uuid.NewString()})
		}
		defer m.closeAll()
		r.Repeat(map[string]func(*rapid.T){
			"":           m.check,
			"connect":    m.connect,
			"resume":     m.resume,
			"disconnect": m.disconnect,
			"send":       m.send,
			"direct":     m.sendDirect,
			"repeat":     m.repeat,
			"operator":   m.operator,
			"drain":      m.drain,
			"kill":       m.kill,
			"restart":    m.restartRedis,
		})
	})
}

func (m *machine) closeAll() {
	for _, u := range m.members {
		for _, l := range u.lines {
			l.close()
		}
	}
}

// member draws a user.
func (m *machine) member(r *rapid.T) *member { return rapid.SampledFrom(m.members).Draw(r, "user") }

// name returns the short name of a user in the transcript.
func (m *machine) name(u *member) string { return fmt.Sprintf("user %d", slices.Index(m.members, u)+1) }

// rarely lets a slow action happen once in n draws.
func rarely(r *rapid.T, n int) {
	if rapid.IntRange(1, n).Draw(r, "rare") != n {
		r.Skip("a slow action is rare")
	}
}

// connect opens a connection of a new client: without a position, from the start, or from now on.
func (m *machine) connect(r *rapid.T) {
	u := m.member(r)
	m.lines++
	l := &line{name: fmt.Sprintf("client %d", m.lines), stream: rapid.Bool().Draw(r, "stream"), node: rapid.IntRange(0, 1).Draw(r, "node")}
	since := rapid.SampledFrom([]string{"", "0", "$"}).Draw(r, "since")
	var expected []string
	switch since {
	case "0":
		expected = u.replay(0)
	case "$":
		expected = []string{"position"}
	}
	m.open(r, u, l, since, expected)
}

// resume opens a connection of a client that was disconnected, after its last notification.
func (m *machine) resume(r *rapid.T) {
	u := m.member(r)
	away := slices.DeleteFunc(slices.Clone(u.lines), func(l *line) bool {
		return slices.ContainsFunc(u.open, func(c *connection) bool { return c.line == l })
	})
	if len(away) == 0 {
		r.Skip("no client is disconnected")
	}
	l := rapid.SampledFrom(away).Draw(r, "client")
	l.node = rapid.IntRange(0, 1).Draw(r, "node")
	id := l.lastID()
	last := 0
	if id == "" {
		id = "0"
	} else {
		last = m.numberOf(r, u, id)
	}
	m.open(r, u, l, id, u.replay(last))
}

// numberOf returns the number of the user's notification with this id.
func (m *machine) numberOf(r *rapid.T, u *member, id string) int {
	for n := 1; n <= u.stored; n++ {
		if m.ids[fmt.Sprint(u.name, n)] == id {
			return n
		}
	}
	r.Fatalf("%s has received an unknown id %s", m.name(u), id)
	return 0
}

// open connects and checks that the limit refuses exactly when it must. Places of connections that
// have just ended may be free a moment later.
func (m *machine) open(r *rapid.T, u *member, l *line, since string, expected []string) {
	kind := "socket"
	if l.stream {
		kind = "stream"
	}
	early := u.early(since)
	err := l.connect(m.system.addr(l.node), u.name, since)
	for end := time.Now().Add(arrivalLimit); errors.Is(err, errRefused) && !u.mayRefuse() && time.Now().Before(end); {
		pause.For(50*time.Millisecond, "the place of a closed connection becomes free")
		err = l.connect(m.system.addr(l.node), u.name, since)
	}
	r.Logf("%s: %s opens a %s at node %d after %q: %v", m.name(u), l.name, kind, l.node+1, since, err)
	switch {
	case err == nil && u.mustRefuse():
		r.Fatalf("the limit of %d connections is exceeded", maxConnections)
	case errors.Is(err, errRefused) && u.mayRefuse():
		l.close()
		return
	case err != nil:
		r.Fatalf("the connection fails: %v", err)
	}
	if !slices.Contains(u.lines, l) {
		u.lines = append(u.lines, l)
	}
	u.open = append(u.open, &connection{line: l, expected: expected, early: early, mayBeDisconnected: time.Now().Before(u.disconnectedTill)})
}

// disconnect ends a connection from the client's side.
func (m *machine) disconnect(r *rapid.T) {
	u := m.member(r)
	if len(u.open) == 0 {
		r.Skip("no client is connected")
	}
	c := rapid.SampledFrom(u.open).Draw(r, "client")
	r.Logf("%s: %s disconnects", m.name(u), c.name)
	u.closed(func(other *connection) bool { return other == c })
	c.close()
}

// send writes one or more notifications to Kafka at once.
func (m *machine) send(r *rapid.T) {
	u := m.member(r)
	count := rapid.IntRange(1, burst).Draw(r, "count")
	var records []kafka.Message
	for range count {
		n := u.sendStored()
		records = append(records, m.record(u, n))
	}
	r.Logf("%s: notifications %d to %d are sent", m.name(u), u.stored-count+1, u.stored)
	if err := m.system.publish(records...); err != nil {
		r.Fatalf("publish: %v", err)
	}
	m.awaitKept(r, u)
}

func (m *machine) record(u *member, n int) kafka.Message {
	return harness.Notification(domain.NotificationTopic, u.name, fmt.Sprintf("%s-%s-%d", m.events, u.name, n), n)
}

// repeat writes a notification again, as a producer does that got no answer. It must not arrive.
func (m *machine) repeat(r *rapid.T) {
	u := m.member(r)
	if u.stored == 0 {
		r.Skip("nothing was sent")
	}
	n := rapid.IntRange(u.oldestKept(), u.stored).Draw(r, "number")
	r.Logf("%s: notification %d is sent again", m.name(u), n)
	// The next notification shows that the repetition was consumed.
	if err := m.system.publish(m.record(u, n), m.record(u, u.sendStored())); err != nil {
		r.Fatalf("publish: %v", err)
	}
	m.awaitKept(r, u)
}

// sendDirect publishes a message on Redis.
func (m *machine) sendDirect(r *rapid.T) {
	u := m.member(r)
	n := u.sendDirect()
	r.Logf("%s: direct message %d is published", m.name(u), n)
	if err := m.system.publishOnRedis("ws:"+u.name, harness.DirectMessage(n)); err != nil {
		r.Fatalf("publish: %v", err)
	}
}

// awaitKept waits until the log of the user has all notifications, and reads their ids.
func (m *machine) awaitKept(r *rapid.T, u *member) {
	m.await(r, func() string {
		entries, err := m.system.client.XRevRangeN(r.Context(), "wslog:{"+u.name+"}", "+", "-", logMax).Result()
		kept := u.stored - u.oldestKept() + 1
		if err != nil || len(entries) != kept || !strings.Contains(fmt.Sprint(entries[0].Values), fmt.Sprintf(`"n":%d`, u.stored)) {
			return fmt.Sprintf("the log of %s has not got notification %d: %v %v", m.name(u), u.stored, entries, err)
		}
		for i, e := range entries {
			m.ids[fmt.Sprint(u.name, u.stored-i)] = e.ID
		}
		return ""
	})
}

// await waits until problem returns an empty string.
func (m *machine) await(r *rapid.T, problem func() string) {
	var last string
	for end := time.Now().Add(arrivalLimit); time.Now().Before(end); pause.For(2*time.Millisecond, "the interval of a poll") {
		if last = problem(); last == "" {
			return
		}
	}
	r.Fatalf("%s", last)
}

// check compares what each open connection has received with the model. rapid calls it after each action.
func (m *machine) check(r *rapid.T) {
	for _, u := range m.members {
		for _, c := range u.closed(func(c *connection) bool { return c.mayBeDisconnected && c.ended() == 4003 }) {
			c.close()
		}
		for _, c := range u.open {
			m.await(r, func() string {
				frames, code := c.late()
				if code == 4003 && c.mayBeDisconnected {
					return "" // the next check removes it
				}
				switch {
				case code != stillOpen:
					r.Fatalf("%s: %s was closed with %d", m.name(u), c.name, code)
				case len(frames) > len(c.expected) || !slices.Equal(frames, c.expected[:len(frames)]):
					r.Fatalf("%s: %s has received %q, expected %q", m.name(u), c.name, frames, c.expected)
				case len(frames) < len(c.expected):
					return fmt.Sprintf("%s: %s has received only %q, expected %q", m.name(u), c.name, frames, c.expected)
				}
				return ""
			})
		}
	}
}
