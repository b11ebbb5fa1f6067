package model_test

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/huleedu/edge/test/harness"
)

// operator disconnects all connections of a user.
func (m *machine) operator(r *rapid.T) {
	u := m.member(r)
	r.Logf("%s is disconnected by an operator", m.name(u))
	if err := m.system.publishOnRedis(disconnectChannel, u.name); err != nil {
		r.Fatalf("publish: %v", err)
	}
	u.disconnectedTill = time.Now().Add(commandTime)
	m.awaitCloses(r, 4003, u.closed(func(*connection) bool { return true }))
}

// drain stops a node with SIGTERM and starts it again.
func (m *machine) drain(r *rapid.T) {
	node := rapid.IntRange(0, 1).Draw(r, "node")
	r.Logf("node %d is replaced", node+1)
	m.system.nodes[node].Terminate(m.system.t)
	for _, u := range m.members {
		m.awaitCloses(r, 1012, u.closed(func(c *connection) bool { return c.node == node }))
	}
	if code := m.system.nodes[node].Exit(m.system.t, harness.WaitLimit); code != 0 {
		r.Fatalf("node %d exits with %d", node+1, code)
	}
	m.system.startNode(node)
}

// kill ends a node with SIGKILL and starts it again.
func (m *machine) kill(r *rapid.T) {
	rarely(r, 4)
	node := rapid.IntRange(0, 1).Draw(r, "node")
	r.Logf("node %d is killed", node+1)
	m.system.nodes[node].Kill()
	for _, u := range m.members {
		ended := u.closed(func(c *connection) bool { return c.node == node })
		u.ghosts, u.ghostsTill = u.ghosts+len(ended), time.Now().Add(leaseTime)
		m.awaitCloses(r, brokenOff, ended)
	}
	m.system.startNode(node)
}

// restartRedis stops Redis for a moment, while a notification is sent. All connections stay open
// and are told resync.
func (m *machine) restartRedis(r *rapid.T) {
	rarely(r, 8)
	u := m.member(r)
	n := u.sendStored()
	r.Logf("Redis is restarted; meanwhile notification %d is sent to %s", n, m.name(u))
	m.system.redis.Stop()
	if err := m.system.publish(m.record(u, n)); err != nil {
		r.Fatalf("publish: %v", err)
	}
	if err := m.system.redis.Restart(); err != nil {
		r.Fatalf("restart: %v", err)
	}
	for _, u := range m.members {
		for _, c := range u.open {
			m.await(r, func() string {
				if c.resyncCount() == 0 {
					return fmt.Sprintf("%s: %s is not told resync", m.name(u), c.name)
				}
				return ""
			})
		}
	}
	for node := range m.system.nodes {
		m.system.awaitReady(node)
	}
	m.awaitKept(r, u)
}

// awaitCloses waits until the connections are closed with the code.
func (m *machine) awaitCloses(r *rapid.T, want int, ended []*connection) {
	for _, c := range ended {
		m.await(r, func() string {
			code := c.ended()
			if code == stillOpen {
				return c.name + " is not closed"
			}
			if code != want {
				r.Fatalf("%s is closed with %d, expected %d", c.name, code, want)
			}
			return ""
		})
		c.close()
	}
}
