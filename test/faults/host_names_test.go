package faults_test

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/recorded"
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/wire"
)

// Names of the faults of a host name. Connections break at the beginning of each, because open
// connections need no name.
const (
	nameFails   = "SERVFAIL, connections break"
	nameUnknown = "NXDOMAIN, connections break"
	nameSilent  = "no answer, connections break"
	nameMoves   = "another address, the old one is gone"
)

// namedServer is a server behind a host name.
type namedServer struct {
	name, port, upstream string
	link                 *link
}

// newNamedServer returns a host name for a server that has, or will have, the address addr.
func newNamedServer(t *testing.T, addr string) *namedServer {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	s := &namedServer{name: "server-" + uuid.NewString() + ".test", port: port}
	s.resolve(nameAnswer{address: [4]byte{127, 0, 0, 1}})
	return s
}

// open lets clients reach the server at upstream by the name.
func (s *namedServer) open(t *testing.T, upstream string) {
	t.Helper()
	s.upstream, s.link = upstream, startLink(t, "127.0.0.1:"+s.port, upstream, false)
}

// startNamedServer gives the server at upstream a host name.
func startNamedServer(t *testing.T, upstream string) *namedServer {
	t.Helper()
	s := newNamedServer(t, servers.FreeAddr(t))
	s.open(t, upstream)
	return s
}

func (s *namedServer) addr() string { return s.name + ":" + s.port }

// resolve sets what look-ups of the name return.
func (s *namedServer) resolve(a nameAnswer) { names().set(s.name, a) }

// begin starts a fault and closes all connections.
func (s *namedServer) begin(t *testing.T, fault string) {
	t.Helper()
	s.link.proxy.Stop()
	switch fault {
	case nameFails:
		s.resolve(nameAnswer{code: dnsmessage.RCodeServerFailure})
	case nameUnknown:
		s.resolve(nameAnswer{code: dnsmessage.RCodeNameError})
	case nameSilent:
		s.resolve(nameAnswer{silent: true})
	case nameMoves:
		s.link = startLink(t, "127.0.0.2:"+s.port, s.upstream, false)
		s.resolve(nameAnswer{address: [4]byte{127, 0, 0, 2}})
		return
	}
	require.NoError(t, s.link.proxy.Start())
}

// end ends a fault of the name. A server that has moved stays where it is.
func (s *namedServer) end(fault string) {
	if fault != nameMoves {
		s.resolve(nameAnswer{address: [4]byte{127, 0, 0, 1}})
	}
}

// TestNameOfRedis lets look-ups of the host name of Redis fail, and lets it move to another address.
func TestNameOfRedis(t *testing.T) {
	t.Parallel()
	server := servers.OwnRedis(t)
	forEachNameFault(t, redisName, func(t *testing.T, e expectation) {
		named := startNamedServer(t, server.Addr())
		s := newEnvironment(t, server.URL(), servers.Kafka(t), linkSettings())
		s.vars["REDIS_URL"] = "redis://" + named.addr()
		e.runNameFault(t, s, named)
	})
}

// TestNameOfKafka does the same for Kafka, whose broker tells clients the name.
func TestNameOfKafka(t *testing.T) {
	t.Parallel()
	forEachNameFault(t, kafkaName, func(t *testing.T, e expectation) {
		named, broker := startNamedKafka(t)
		s := newEnvironment(t, servers.Redis(t), broker.Addr(), linkSettings())
		s.vars["KAFKA_BOOTSTRAP_SERVERS"], s.dial = named.addr(), broker.Addr()
		e.runNameFault(t, s, named)
	})
}

// startNamedKafka starts a broker that tells clients a host name.
func startNamedKafka(t *testing.T) (*namedServer, *servers.Broker) {
	t.Helper()
	named := newNamedServer(t, servers.FreeAddr(t))
	broker := servers.OwnKafka(t, "KAFKA_ADVERTISE="+named.addr())
	named.open(t, broker.Addr())
	return named, broker
}

func forEachNameFault(t *testing.T, link string, run func(*testing.T, expectation)) {
	t.Helper()
	for _, e := range hostExpectations() {
		if e.link == link && (e.fast || harness.Full()) {
			t.Run(testName(strings.ReplaceAll(e.fault, ",", "")), func(t *testing.T) { run(t, e) })
		}
	}
}

// runNameFault measures a fault of a name and checks what the node logs.
func (e expectation) runNameFault(t *testing.T, s *environment, named *namedServer) {
	t.Helper()
	log := recorded.NewLog(t)
	p, release, err := wire.WebSocket(harness.WebSocketConfig(t, s.vars, s.topic), log, wire.WebSocketOverride{})
	require.NoError(t, err)
	t.Cleanup(release)
	node := harness.Run(t, p)
	harness.AwaitReady(t, node.Addr)
	clients := connectClients(t, s, linkUsers, "ws://"+node.Addr+"/ws", "http://"+node.Addr+"/events")
	e.measure(t, clients, node.Addr, func() {
		named.begin(t, e.fault)
		if e.fault != nameMoves {
			pause.For(faultLength(), "the length of the fault is the input")
		}
		named.end(e.fault)
	})
	checkOutages(t, loggedService{node, log}, func() {})
}

// checkOutages requires that the log has one line for each dependency that goes down and one when it is
// back, and no other warning but those of failed requests. It calls use meanwhile, because a circuit closes
// with successful requests.
func checkOutages(t *testing.T, s loggedService, use func()) {
	t.Helper()
	var changes []string
	balanced := func() bool {
		changes, _ = s.changes(t)
		down := slices.DeleteFunc(slices.Clone(changes), func(change string) bool { return !strings.HasPrefix(change, "down ") })
		return len(changes) == 2*len(down)
	}
	require.Eventually(t, func() bool {
		harness.Readiness(t.Context(), s.Addr)
		use()
		return balanced()
	}, waitLimit, 100*time.Millisecond, "each outage begins and ends once")
	t.Logf("the log has %q", changes)
	for _, line := range s.log.Lines() {
		if strings.Contains(line, "dependency is down") {
			t.Log(line)
		}
	}
	_, others := s.changes(t)
	others = slices.DeleteFunc(others, func(line string) bool { return strings.Contains(line, `"event":"request"`) })
	require.Empty(t, others)
}

// TestNameOfServersOfGateway lets look-ups of the host names of Redis, Kafka and two services behind the
// gateway fail, and lets each move to another address.
func TestNameOfServersOfGateway(t *testing.T) {
	t.Parallel()
	for setting, link := range namedSettings() {
		t.Run(testName(link), func(t *testing.T) {
			t.Parallel()
			for _, e := range hostGatewayExpectations() {
				if e.link == link && (e.fast || harness.Full()) {
					t.Run(testName(strings.ReplaceAll(e.fault, ",", "")), func(t *testing.T) { runGatewayNameFault(t, e, setting) })
				}
			}
		})
	}
}

func runGatewayNameFault(t *testing.T, e gatewayExpectation, setting string) {
	t.Helper()
	c := &gatewayCell{gatewayExpectation: e}
	c.prepare(t)
	named := c.nameServer(t, setting)
	user, batch := c.addBatch()
	log := recorded.NewLog(t)
	p, release, err := wire.Gateway(harness.GatewayConfig(t, c.vars), log, wire.GatewayOverride{})
	require.NoError(t, err)
	t.Cleanup(release)
	gateway := harness.Run(t, p)
	c.measure(t, gateway.Addr, user, batch, period{func() { named.begin(t, e.fault) }, func() { named.end(e.fault) }})
	checkOutages(t, loggedService{gateway, log}, func() { c.awaitSuccess(t, "http://"+gateway.Addr, user, c.requests(t, batch), waitLimit) })
}

// nameServer gives the server of a setting a host name.
func (c *gatewayCell) nameServer(t *testing.T, setting string) *namedServer {
	t.Helper()
	if setting == "KAFKA_BOOTSTRAP_SERVERS" {
		named, _ := startNamedKafka(t)
		c.vars[setting] = named.addr()
		return named
	}
	scheme, host, found := strings.Cut(c.vars[setting], "://")
	require.True(t, found)
	named := startNamedServer(t, host)
	c.vars[setting] = scheme + "://" + named.addr()
	return named
}
