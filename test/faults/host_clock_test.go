package faults_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/world"
)

// clockSteps returns by how much each fault of a clock sets it.
func clockSteps() map[string]time.Duration {
	return map[string]time.Duration{clockAhead: time.Hour, clockBack: -time.Hour}
}

// steppedEnvironment is the environment of a node whose clock is set. Its tokens expire by that clock,
// which is not what these tests are about.
func steppedEnvironment(t *testing.T) *environment {
	t.Helper()
	changes := linkSettings()
	changes["WEBSOCKET_CLOSE_ON_TOKEN_EXPIRY"] = "false"
	s := newEnvironment(t, servers.OwnRedis(t).URL(), servers.Kafka(t), changes)
	s.topic = domain.NotificationTopic // the program reads only this topic
	s.createTopic(t)
	return s
}

// TestClockOfNodeIsSet sets the clock of a node for longer than a lease lasts, and sets it right again.
func TestClockOfNodeIsSet(t *testing.T) {
	t.Parallel()
	for fault, step := range clockSteps() {
		t.Run(testName(fault), func(t *testing.T) {
			t.Parallel()
			e := hostFault(t, nodeClock, fault)
			s := steppedEnvironment(t)
			p := harness.StartStepped(t, "websocket", s.vars)
			node := p.Address(t)
			harness.AwaitReady(t, node)
			clients := connectClients(t, s, linkUsers, "ws://"+node+"/ws", "http://"+node+"/events")
			leases := s.leases(t)
			e.measure(t, clients, node, func() {
				p.Step(t, step)
				pause.For(40*time.Second, "longer than a lease without renewal")
				clients.awaitFlow(t)
				require.Equal(t, leases, s.leases(t), "a lease expired although its connection is open")
				s.checkDeadLetter(t)
				p.Step(t, 0)
			})
		})
	}
}

// checkDeadLetter requires that a record which is not valid becomes a dead letter.
func (s *environment) checkDeadLetter(t *testing.T) {
	t.Helper()
	letters := *s
	letters.topic += ".dlq"
	letters.createTopic(t) // a reader does not notice a topic that is created later
	transport := s.transport()
	defer transport.CloseIdleConnections()
	writer := &kafka.Writer{Transport: transport, Addr: kafka.TCP(s.kafka), Topic: string(s.topic), BatchTimeout: time.Millisecond, RequiredAcks: kafka.RequireAll}
	defer func() { require.NoError(t, writer.Close()) }()
	record := kafka.Message{Key: []byte(uuid.NewString()), Value: []byte("{")}
	require.NoError(t, writer.WriteMessages(t.Context(), record))
	require.Equal(t, record.Value, s.deadLetter(t, record.Key).Value)
}

// TestGapAfterAStepOfTheClock sets the clock of a node and breaks its line to Redis before the next probe.
// The announced gap contains all that was lost, by the clock of the node.
func TestGapAfterAStepOfTheClock(t *testing.T) {
	t.Parallel()
	for fault, step := range clockSteps() {
		t.Run(testName(fault), func(t *testing.T) {
			t.Parallel()
			e := hostFault(t, nodeClock, fault+lineBreaks)
			s := steppedEnvironment(t)
			l, url := linkToURL(t, s.redis, lineFault{})
			s.vars["REDIS_URL"] = url
			p := harness.StartStepped(t, "websocket", s.vars)
			node := p.Address(t)
			harness.AwaitReady(t, node)
			clients := connectClients(t, s, linkUsers, "ws://"+node+"/ws", "http://"+node+"/events")
			e.measure(t, clients, node, func() {
				p.Step(t, step)
				l.proxy.Stop()
				pause.For(faultLength(), "the length of the outage is the input")
				require.NoError(t, l.proxy.Start())
				for _, k := range clients.clients {
					require.Eventually(t, func() bool { return k.shiftAnnouncedGaps(-step) }, waitLimit, 20*time.Millisecond, "no resync")
				}
				p.Step(t, 0)
			})
		})
	}
}

// TestClockOfGatewayIsSet sets the clock of a gateway. The token of its client is valid all the time.
func TestClockOfGatewayIsSet(t *testing.T) {
	t.Parallel()
	for _, e := range hostGatewayExpectations() {
		step, found := clockSteps()[e.fault]
		if e.link != gatewayClock || !found || !harness.Full() {
			continue
		}
		t.Run(testName(e.fault), func(t *testing.T) {
			t.Parallel()
			c := &gatewayCell{gatewayExpectation: e, token: longToken}
			c.prepare(t)
			user, batch := c.addBatch()
			p := harness.StartStepped(t, "gateway", c.vars)
			c.measure(t, p.Address(t), user, batch, period{func() { p.Step(t, step) }, func() { p.Step(t, 0) }})
		})
	}
}

// longToken returns a token that is valid by a clock that is an hour behind or ahead.
func longToken(user string) string {
	claims := harness.Claims(user)
	now := time.Now()
	claims["iat"], claims["exp"] = now.Add(-2*time.Hour).Unix(), now.Add(2*time.Hour).Unix()
	return harness.Sign(claims)
}

// TestRetryAfterWhenTheClockIsSet sets the clock of a gateway back while a circuit is open. Clients are
// not told to wait for longer than the circuit stays open.
func TestRetryAfterWhenTheClockIsSet(t *testing.T) {
	t.Parallel()
	if !harness.Full() {
		t.Skip("only with EDGE_TEST_FULL=1: it builds programs whose clock can be set")
	}
	c := &gatewayCell{}
	c.prepare(t)
	c.vars["API_GATEWAY_HTTP_CIRCUIT_BREAKER_RECOVERY_TIMEOUT"] = "60"
	user, batch := c.addBatch()
	p := harness.StartStepped(t, "gateway", c.vars)
	c.platform.FailAggregator(world.Disconnect)
	client := newGatewayClient("http://"+p.Address(t), user)
	client.token = longToken
	defer client.transport.CloseIdleConnections()
	status := requestKinds(batch)[0]
	var last gatewayResponse
	open := func() bool {
		var err error
		last, _, err = client.exchange(t.Context(), status)
		require.NoError(t, err)
		return strings.Contains(string(last.body), "CIRCUIT_BREAKER_OPEN")
	}
	require.Eventually(t, open, waitLimit, 10*time.Millisecond, "the circuit does not open")
	p.Step(t, -time.Hour)
	require.True(t, open())
	wait, err := strconv.Atoi(last.header.Get("Retry-After"))
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, last.status)
	require.LessOrEqual(t, wait, 60, "seconds")
}
