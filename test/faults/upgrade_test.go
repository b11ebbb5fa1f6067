package faults_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/servers"
)

// earlierCommit is the version from which a rolling upgrade must be possible, and back.
const earlierCommit = "0654ef6"

// version starts the programs of one version.
type version func(t *testing.T, name string, vars map[string]string) *harness.Program

// versions returns how to start the earlier programs and the present ones. Without
// EDGE_TEST_FULL=1 it skips the test, because the earlier programs must be built.
func versions(t *testing.T) (earlier, present version) {
	t.Helper()
	if !harness.Full() {
		t.Skip("only with EDGE_TEST_FULL=1: it builds the earlier version")
	}
	programs := harness.EarlierPrograms(t, earlierCommit)
	earlier = func(t *testing.T, name string, vars map[string]string) *harness.Program {
		t.Helper()
		return harness.StartFile(t, filepath.Join(programs, name), vars)
	}
	present = func(t *testing.T, name string, vars map[string]string) *harness.Program {
		t.Helper()
		return harness.Start(t, name, vars)
	}
	return earlier, present
}

// upgradeEnvironment is an environment whose topic the programs read.
func upgradeEnvironment(t *testing.T, changes map[string]string) *environment {
	t.Helper()
	s := newEnvironment(t, servers.OwnRedis(t).URL(), servers.Kafka(t), changes)
	s.topic = domain.NotificationTopic
	s.createTopic(t)
	return s
}

// TestNodesUpgradedAndBack replaces both nodes of the notification service by the present version
// and then by the earlier one again, while notifications are sent.
func TestNodesUpgradedAndBack(t *testing.T) {
	t.Parallel()
	earlier, present := versions(t)
	s := upgradeEnvironment(t, map[string]string{"WEBSOCKET_DRAIN_NOTICE": "2", "WEBSOCKET_DRAIN_SPREAD": "2"})
	of := func(v version) func(*testing.T) *harness.Program {
		return func(t *testing.T) *harness.Program { t.Helper(); return v(t, "websocket", s.vars) }
	}
	p := startPairOf(t, "websocket", of(earlier))
	clients := connectClients(t, s, users, p.front.url(), p.front.url())
	for _, v := range []version{present, earlier} {
		p.start = of(v)
		p.roll(t, func(*harness.Program) { clients.awaitFlow(t) })
		clients.awaitFlow(t)
	}
	got := clients.finish(t)
	got.row(t, "Upgrade from "+earlierCommit+" and back", p.describeStops())
	got.check(t)
	require.Zero(t, got.incomplete+got.resyncs, "there is no gap")
	require.Len(t, got.closes, 1, "all sockets get the same close code")
	require.Contains(t, got.closes[0], "close 1012")
}

// TestLeasesOfBothVersions checks that connections at a node of one version count at the other one.
func TestLeasesOfBothVersions(t *testing.T) {
	t.Parallel()
	earlier, present := versions(t)
	s := upgradeEnvironment(t, map[string]string{"WEBSOCKET_MAX_CONNECTIONS_PER_USER": "2"})
	one, two := earlier(t, "websocket", s.vars), present(t, "websocket", s.vars)
	harness.AwaitReady(t, one.Address(t))
	harness.AwaitReady(t, two.Address(t))
	for _, order := range [][2]*harness.Program{{one, two}, {two, one}} {
		user := "teacher-" + uuid.NewString()
		first, second := openSocket(t, order[0], user), openSocket(t, order[0], user)
		require.Zero(t, first.code)
		require.Zero(t, second.code)
		require.Equal(t, 4000, openSocket(t, order[1], user).code, "the limit counts the connections of the other version")
		require.NoError(t, first.conn.Close())
		require.Eventually(t, func() bool { return openSocket(t, order[1], user).code == 0 }, waitLimit, 100*time.Millisecond,
			"the place is free for the other version")
	}
}

// openedSocket is a socket, with the code with which the service closed it at once, or 0. A
// handshake that is answered 429 has the code of the limit too.
type openedSocket struct {
	conn *websocket.Conn
	code int
}

// openSocket opens a socket and waits for the answer to a ping or for a close.
func openSocket(t *testing.T, node *harness.Program, user string) openedSocket {
	t.Helper()
	conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+node.Address(t)+"/ws", http.Header{"Authorization": {"Bearer " + harness.Token(user)}})
	if response != nil {
		defer func() { _ = response.Body.Close() }()
	}
	if response != nil && response.StatusCode == http.StatusTooManyRequests {
		return openedSocket{code: 4000}
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping"}`)) // fails if the service has closed
	_, _, err = conn.ReadMessage()
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
		return openedSocket{code: closed.Code}
	}
	require.NoError(t, err)
	return openedSocket{conn: conn}
}

// TestIdempotencyKeysOfBothVersions repeats a command at the gateway of the other version: it gets the
// answer of the first one.
func TestIdempotencyKeysOfBothVersions(t *testing.T) {
	t.Parallel()
	earlier, present := versions(t)
	c := &gatewayCell{}
	c.prepare(t)
	c.vars["REDIS_URL"] = servers.OwnRedis(t).URL()
	one, two := earlier(t, "gateway", c.vars), present(t, "gateway", c.vars)
	user, batch := c.addBatch()
	for _, order := range [][2]*harness.Program{{one, two}, {two, one}} {
		key := uuid.NewString()
		var bodies []string
		for _, gateway := range order {
			client := newGatewayClient("http://"+gateway.Address(t), user)
			command := requestKind{method: "POST", path: "/v1/batches/" + batch + "/pipelines", body: `{"requested_pipeline":"spellcheck"}`, kind: "application/json", keyed: true, key: key}
			res, _, err := client.exchange(t.Context(), command)
			client.transport.CloseIdleConnections()
			require.NoError(t, err)
			require.Equal(t, 202, res.status, "%s", res.body)
			bodies = append(bodies, string(res.body))
		}
		require.Equal(t, bodies[0], bodies[1])
	}
}

// TestDeadLettersOfBothVersions compares what both versions write for a record that can never succeed.
func TestDeadLettersOfBothVersions(t *testing.T) {
	t.Parallel()
	earlier, present := versions(t)
	s := upgradeEnvironment(t, nil)
	letterTopic := *s
	letterTopic.topic += ".dlq"
	letterTopic.createTopic(t) // a reader does not notice a topic that is created later
	transport := s.transport()
	defer transport.CloseIdleConnections()
	writer := &kafka.Writer{Transport: transport, Addr: kafka.TCP(s.kafka), Topic: string(s.topic), BatchTimeout: time.Millisecond, RequiredAcks: kafka.RequireAll}
	defer func() { require.NoError(t, writer.Close()) }()
	var letters []kafka.Message
	for _, v := range []version{earlier, present} {
		node := v(t, "websocket", s.vars)
		harness.AwaitReady(t, node.Address(t))
		record := kafka.Message{Key: []byte(uuid.NewString()), Value: []byte("{"), Headers: []kafka.Header{{Key: "h", Value: []byte("1")}}}
		require.NoError(t, writer.WriteMessages(t.Context(), record))
		letter := s.deadLetter(t, record.Key)
		require.Equal(t, string(record.Value), string(letter.Value))
		letters = append(letters, letter)
		node.Stop(t)
	}
	require.Equal(t, headerNames(letters[0]), headerNames(letters[1]))
}

// deadLetter waits for the dead letter with the key. A letter can be in any partition.
func (s *environment) deadLetter(t *testing.T, key []byte) kafka.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{s.kafka}, GroupID: "dead-letters-" + uuid.NewString(), Topic: string(s.topic) + ".dlq",
		StartOffset: kafka.FirstOffset, MaxWait: 100 * time.Millisecond,
	})
	defer func() { _ = reader.Close() }()
	for {
		m, err := reader.FetchMessage(ctx)
		require.NoError(t, err, "no dead letter")
		if bytes.Equal(m.Key, key) {
			return m
		}
	}
}

// headerNames returns the sorted names of the headers.
func headerNames(m kafka.Message) []string {
	names := map[string]bool{}
	for _, h := range m.Headers {
		names[h.Key] = true
	}
	return slices.Sorted(maps.Keys(names))
}
