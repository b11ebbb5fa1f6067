package faults_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/metrics"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/servers"
)

const (
	// openFiles is the limit of a program that idle connections use up.
	openFiles = 256
	// idleConnections is more than the limit.
	idleConnections = 400
)

// openIdleConnections opens connections that send nothing until closeAll.
func openIdleConnections(t *testing.T, addr string) (closeAll func()) {
	t.Helper()
	conns := make([]net.Conn, idleConnections)
	for i := range conns {
		var err error
		conns[i], err = (&net.Dialer{Timeout: waitLimit}).DialContext(t.Context(), "tcp", addr)
		require.NoError(t, err)
	}
	return func() {
		for _, c := range conns {
			_ = c.Close() // the service may have closed it
		}
	}
}

// TestNodeWithoutDescriptors opens idle connections until a node cannot accept. Its clients notice
// nothing; new ones wait until idle ones end.
func TestNodeWithoutDescriptors(t *testing.T) {
	t.Parallel()
	e := hostFault(t, nodeFiles, filesUsedUp)
	s := newEnvironment(t, servers.OwnRedis(t).URL(), servers.Kafka(t), nil)
	s.topic = domain.NotificationTopic // the program reads only this topic
	s.createTopic(t)
	node := harness.StartLimited(t, "websocket", s.vars, openFiles).Address(t)
	harness.AwaitReady(t, node)
	clients := connectClients(t, s, linkUsers, "ws://"+node+"/ws", "http://"+node+"/events")
	e.measure(t, clients, node, func() {
		stop := probeLiveness(t, node)
		closeAll := openIdleConnections(t, node)
		pause.For(2*faultLength(), "the length of the fault is the input")
		answered, failed := stop()
		closeAll()
		t.Logf("liveness: %d probes answered, %d failed", answered, failed)
	})
}

// TestGatewayWithoutDescriptors opens idle connections until a gateway cannot accept.
func TestGatewayWithoutDescriptors(t *testing.T) {
	t.Parallel()
	if !harness.Full() {
		t.Skip("only with EDGE_TEST_FULL=1")
	}
	for _, e := range hostGatewayExpectations() {
		if e.link != gatewayFiles {
			continue
		}
		c := &gatewayCell{gatewayExpectation: e}
		c.prepare(t)
		user, batch := c.addBatch()
		gateway := harness.StartLimited(t, "gateway", c.vars, openFiles).Address(t)
		var closeAll func()
		c.measure(t, gateway, user, batch, period{func() { closeAll = openIdleConnections(t, gateway) }, func() { closeAll() }})
	}
}

const (
	// slowUsers is the number of clients that do not read.
	slowUsers = 20
	// largeMessage is the size of the messages to them, in bytes.
	largeMessage = 128 << 10
	// queueBytes is WEBSOCKET_SEND_QUEUE_BYTES.
	queueBytes = 1 << 20
	// memoryLimit is the GOMEMLIMIT of the node, less than the queues of all clients can hold.
	memoryLimit = 16 << 20
)

// TestNodeWithSlowReaders sends large messages to many clients that do not read, to a node with little
// memory. It closes them; other clients notice nothing, and the heap has no more than their queues.
func TestNodeWithSlowReaders(t *testing.T) {
	t.Parallel()
	e := hostFault(t, nodeMemory, slowReaders)
	s := newEnvironment(t, servers.OwnRedis(t).URL(), servers.Kafka(t), nil)
	s.vars["GOMEMLIMIT"], s.vars["WEBSOCKET_SEND_QUEUE_BYTES"] = fmt.Sprint(memoryLimit), fmt.Sprint(queueBytes)
	s.topic = domain.NotificationTopic // the program reads only this topic
	s.createTopic(t)
	p := harness.Start(t, "websocket", s.vars)
	node := p.Address(t)
	harness.AwaitReady(t, node)
	clients := connectClients(t, s, linkUsers, "ws://"+node+"/ws", "http://"+node+"/events")
	slow := make([]string, slowUsers)
	for i := range slow {
		slow[i] = "teacher-" + uuid.NewString()
		openSlowSocket(t, node, slow[i])
	}
	largest := 0
	e.measure(t, clients, node, func() {
		stop := probeLiveness(t, node)
		largest = s.flood(t, node, slow)
		answered, failed := stop()
		require.Zero(t, failed, "the platform would restart the node; %d probes were answered", answered)
	})
	t.Logf("the heap had up to %d MiB", largest>>20)
	require.Less(t, largest, memoryLimit+slowUsers*queueBytes)
}

// openSlowSocket opens a socket that is never read.
func openSlowSocket(t *testing.T, node, user string) {
	t.Helper()
	dialer := websocket.Dialer{NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if tcp, ok := conn.(*net.TCPConn); ok {
			err = tcp.SetReadBuffer(4 << 10) // few bytes wait in the kernel
		}
		return conn, err
	}}
	conn, response, err := dialer.DialContext(t.Context(), "ws://"+node+"/ws", http.Header{"Authorization": {"Bearer " + harness.Token(user)}})
	require.NoError(t, err)
	_ = response.Body.Close() // a handshake has no body
	t.Cleanup(func() { _ = conn.Close() })
}

// flood publishes large messages to the users until the node has closed their sockets, and returns the
// largest heap.
func (s *environment) flood(t *testing.T, node string, slow []string) (largest int) {
	t.Helper()
	client := openRedis(t, s.redis)
	defer func() { _ = client.Close() }()
	message := `{"event":"large","data":{"text":"` + strings.Repeat("x", largeMessage) + `"}}`
	before := socketsOf(t, node)
	for end := time.Now().Add(waitLimit); socketsOf(t, node) > before-len(slow); {
		require.True(t, time.Now().Before(end), "%d sockets are open", socketsOf(t, node))
		for _, user := range slow {
			_ = client.Publish(t.Context(), "ws:"+user, message).Err() // what a busy Redis refuses is sent in the next round
		}
		page, err := metrics.Fetch(t.Context(), "http://"+node+"/metrics")
		require.NoError(t, err)
		largest = max(largest, int(page.Sum("go_memstats_heap_alloc_bytes")[""]))
	}
	return largest
}
