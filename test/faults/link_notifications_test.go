package faults_test

import (
	"testing"
	"time"

	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/servers"
)

// linkUsers is the number of users of a run, each with one socket and one event stream.
const linkUsers = 2

// linkCell is one run: a fault on one link of a node.
type linkCell struct {
	expectation

	line lineFault
	env  *environment
	link *link
	// front is the address at which clients connect.
	front string
}

// faultLength returns how long a fault lasts: long enough that half-open connections are noticed.
func faultLength() time.Duration { return outageLength(8*time.Second, 4*time.Second) }

// linkSettings make a node notice a dead connection within the length of a fault.
func linkSettings() map[string]string {
	return map[string]string{"WEBSOCKET_PING_INTERVAL": "1", "WEBSOCKET_PONG_TIMEOUT": "3", "REDIS_CONNECT_TIMEOUT": "2"}
}

// forEachFault runs the rows of a link that this run includes. Parallel rows share the machine.
func forEachFault(t *testing.T, name string, parallel bool, run func(*testing.T, expectation, lineFault)) {
	t.Helper()
	for _, e := range notificationExpectations() {
		if e.link != name || !e.fast && !harness.Full() {
			continue
		}
		t.Run(testName(e.fault), func(t *testing.T) {
			if parallel {
				t.Parallel()
			}
			run(t, e, lineFaultNamed(t, e.fault))
		})
	}
}

// TestLinkToRedis runs the faults between a node and Redis.
func TestLinkToRedis(t *testing.T) {
	t.Parallel()
	server := servers.OwnRedis(t)
	forEachFault(t, redisLink, true, func(t *testing.T, e expectation, f lineFault) {
		c := &linkCell{expectation: e, line: f, link: linkTo(t, server.Addr(), f)}
		c.env = newEnvironment(t, server.URL(), servers.Kafka(t), linkSettings())
		c.env.vars["REDIS_URL"] = "redis://" + c.link.addr()
		c.run(t)
	})
}

// TestLinkToKafka runs the faults between a node and Kafka. Brokers tell clients their address, so
// that a broker behind a proxy serves one fault at a time.
func TestLinkToKafka(t *testing.T) {
	t.Parallel()
	front := servers.FreeAddr(t)
	broker := servers.OwnKafka(t, "KAFKA_ADVERTISE="+front)
	forEachFault(t, kafkaLink, false, func(t *testing.T, e expectation, f lineFault) {
		c := &linkCell{expectation: e, line: f, link: startLink(t, front, broker.Addr(), f.resets)}
		c.env = newEnvironment(t, servers.Redis(t), front, linkSettings())
		c.env.dial = broker.Addr()
		c.run(t)
	})
}

// TestLinkToClient runs the faults between clients and a node.
func TestLinkToClient(t *testing.T) {
	t.Parallel()
	forEachFault(t, clientLink, true, func(t *testing.T, e expectation, f lineFault) {
		c := &linkCell{expectation: e, line: f, env: newEnvironment(t, servers.Redis(t), servers.Kafka(t), linkSettings())}
		c.run(t)
	})
}

// run sends messages before, during and after the fault and compares the counts with the row.
func (c *linkCell) run(t *testing.T) {
	t.Helper()
	node := c.env.startNode(t)
	c.front = node
	if c.link == nil {
		c.link = linkTo(t, node, c.line)
		c.front = c.link.addr()
	}
	clients := connectClients(t, c.env, linkUsers, "ws://"+c.front+"/ws", "http://"+c.front+"/events")
	c.measure(t, clients, node, func() {
		c.link.begin(t, c.line)
		pause.For(faultLength(), "the length of the fault is the input")
		c.link.end(t, c.line)
	})
}
