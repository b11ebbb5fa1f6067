package main

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/servers"
)

// runQuick runs scenarios with -quick, with the services in child processes of this
// test, and returns the rows by name. It does not check times.
func runQuick(t *testing.T, args ...string) map[string]row {
	t.Helper()
	var out, log bytes.Buffer
	code := command(t.Context(), append([]string{"-quick", "-inside"}, args...), &out, &log)
	t.Log(out.String())
	require.Equal(t, 0, code, "%s", log.String())
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	var found struct{ Rows []row }
	require.NoError(t, json.Unmarshal(lines[len(lines)-1], &found))
	rows := map[string]row{}
	for _, r := range found.Rows {
		rows[r.Scenario+" "+r.Measure] = r
	}
	return rows
}

// requireZero checks that counts of errors are 0.
func requireZero(t *testing.T, rows map[string]row, names ...string) {
	t.Helper()
	for _, name := range names {
		r, ok := rows[name]
		require.True(t, ok, "no row %q", name)
		require.Zero(t, r.Ours, name)
	}
}

func TestGatewayScenariosRun(t *testing.T) {
	redis := servers.OwnRedis(t)
	rows := runQuick(t, "-redis", redis.Addr(), "gateway")
	requireZero(t, rows,
		"gateway/status responses other than 200", "gateway/latency responses other than 200",
		"gateway/waiting requests with an unexpected response",
		"gateway/bulkhead above the bulkhead: accepted", "gateway/bulkhead below the bulkhead: rejected")
	require.Positive(t, rows["gateway/status requests per CPU second"].Ours)
	require.Positive(t, *rows["gateway/status requests per CPU second"].Bare)
	require.Len(t, rows, 14)
}

func TestSocketScenariosRun(t *testing.T) {
	// On a machine with other load a node may not read for seconds. Without this
	// setting Redis would close its subscription.
	redis := servers.OwnRedis(t, "--client-output-buffer-limit", "pubsub 0 0 0")
	rows := runQuick(t, "-redis", redis.Addr(), "sockets")
	requireZero(t, rows,
		"sockets/fanout messages lost", "sockets/fanout messages duplicated", "sockets/fanout messages out of order",
		"sockets/slow messages lost", "sockets/slow other sockets that closed", "sockets/storm sockets that closed")
	require.InDelta(t, 10, rows["sockets/slow slow sockets closed with 4001"].Ours, 0)
	require.Positive(t, rows["sockets/fanout deliveries per CPU second, 100 users"].Ours)
}

func TestPublishScenariosRun(t *testing.T) {
	broker := servers.Kafka(t)
	redis := servers.OwnRedis(t)
	rows := runQuick(t, "-redis", redis.Addr(), "-kafka", broker, "publish")
	requireZero(t, rows, "publish/post responses other than 202")
	require.Positive(t, rows["publish/publisher publish alone, p50, ms"].Ours)
}

func TestInvalidArgumentsAreRejected(t *testing.T) {
	for _, args := range [][]string{{"nothing"}, {"gateway/nothing"}, {"-n", "20000"}} {
		_, err := parse(args, io.Discard)
		require.Error(t, err, "%v", args)
	}
	o, err := parse([]string{"sockets/storm", "-quick", "gateway"}, io.Discard)
	require.NoError(t, err)
	require.True(t, o.quick)
	require.Len(t, o.scenarios, 6)
}

func TestClientCountsLostDuplicateAndReorderedMessages(t *testing.T) {
	m, c := &client{phase: -1}, &clientGroup{}
	now := time.Now().UnixNano()
	for _, number := range []int64{0, 2, 1, 1} {
		m.record(messageTag{7, now, number}, now)
	}
	took, wrong := c.results(7, []*client{m}, 5)
	require.Len(t, took, 4)
	require.Equal(t, deliveryErrors{lost: 2, duplicated: 1, reordered: 2}, wrong)
	_, wrong = c.results(8, []*client{m}, 5)
	require.Equal(t, deliveryErrors{lost: 5}, wrong)
}

func TestMessageTagRoundTrip(t *testing.T) {
	k := messageTag{3, 1234567890, 42}
	message := appendMessage(nil, k, messageSize)
	require.Len(t, message, messageSize)
	require.True(t, json.Valid(message))
	back, ok := parseTag(message)
	require.True(t, ok)
	require.Equal(t, k, back)
	for _, other := range []string{``, `{"event":"resync","data":{}}`, tagStart + `1 x 3"`, tagStart + `1 2"`, tagStart} {
		_, ok := parseTag([]byte(other))
		require.False(t, ok, other)
	}
}

// FuzzParseTag checks that parsing arbitrary messages does not panic.
func FuzzParseTag(f *testing.F) {
	f.Add(appendMessage(nil, messageTag{1, 2, 3}, 100))
	f.Fuzz(func(t *testing.T, message []byte) {
		k, ok := parseTag(message)
		if ok && (k.phase < 0 || k.number < 0) {
			t.Skip("numbers above 63 bits overflow")
		}
	})
}

func TestMediansAndRatios(t *testing.T) {
	var s series
	s.add(1, 2)
	s.add(9, 3)
	s.add(4, 4)
	r := s.row("x").atLeast(1)
	require.InDelta(t, 4, r.Ours, 0)
	require.InDelta(t, 3, *r.Bare, 0)
	require.InDelta(t, 1, *r.Ratio, 0)
	require.True(t, *r.Met)
	require.False(t, *s.row("x").atMost(0.9).Met)
	require.InDelta(t, 2.5, median([]float64{4, 1, 3, 2}), 0)
	require.Zero(t, median(nil))
}
