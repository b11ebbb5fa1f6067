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

// quick runs scenarios in their quick form, the services in children of this
// test, and returns the rows. It judges no time.
func quick(t *testing.T, args ...string) map[string]row {
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

// zero demands that what must never happen did not.
func zero(t *testing.T, rows map[string]row, names ...string) {
	t.Helper()
	for _, name := range names {
		r, ok := rows[name]
		require.True(t, ok, "no row %q", name)
		require.Zero(t, r.Ours, name)
	}
}

func TestGatewayScenariosRun(t *testing.T) {
	redis := servers.OwnRedis(t)
	rows := quick(t, "-redis", redis.Addr(), "gateway")
	zero(t, rows,
		"gateway/status answers other than 200", "gateway/latency answers other than 200",
		"gateway/waiting requests answered that should wait",
		"gateway/bulkhead above the bulkhead: let through", "gateway/bulkhead below the bulkhead: refused")
	require.Positive(t, rows["gateway/status requests per CPU second"].Ours)
	require.Positive(t, *rows["gateway/status requests per CPU second"].Bare)
	require.Len(t, rows, 14)
}

func TestSocketScenariosRun(t *testing.T) {
	// A machine that runs other tests too may keep a node from reading for seconds,
	// and Redis would cut its subscription in the middle of a flood.
	redis := servers.OwnRedis(t, "--client-output-buffer-limit", "pubsub 0 0 0")
	rows := quick(t, "-redis", redis.Addr(), "sockets")
	zero(t, rows,
		"sockets/fanout messages lost", "sockets/fanout messages doubled", "sockets/fanout messages out of order",
		"sockets/slow messages lost", "sockets/slow others' sockets that ended", "sockets/storm sockets that ended")
	require.InDelta(t, 10, rows["sockets/slow of those who do not read, cut with 4001"].Ours, 0)
	require.Positive(t, rows["sockets/fanout deliveries per CPU second, 100 users"].Ours)
}

func TestPublishScenariosRun(t *testing.T) {
	broker := servers.Kafka(t)
	redis := servers.OwnRedis(t)
	rows := quick(t, "-redis", redis.Addr(), "-kafka", broker, "publish")
	zero(t, rows, "publish/post answers other than 202")
	require.Positive(t, rows["publish/publisher publish alone, p50, ms"].Ours)
}

func TestArgumentsThatMeanNothingAreRefused(t *testing.T) {
	for _, args := range [][]string{{"nothing"}, {"gateway/nothing"}, {"-n", "20000"}} {
		_, err := parse(args, io.Discard)
		require.Error(t, err, "%v", args)
	}
	o, err := parse([]string{"sockets/storm", "-quick", "gateway"}, io.Discard)
	require.NoError(t, err)
	require.True(t, o.quick)
	require.Len(t, o.scenarios, 6)
}

func TestMembersSeeWhatMustNotHappen(t *testing.T) {
	m, c := &member{phase: -1}, &crowd{}
	now := time.Now().UnixNano()
	for _, number := range []int64{0, 2, 1, 1} {
		m.take(mark{7, now, number}, now)
	}
	took, wrong := c.count(7, []*member{m}, 5)
	require.Len(t, took, 4)
	require.Equal(t, wrongs{lost: 2, doubled: 1, disordered: 2}, wrong)
	_, wrong = c.count(8, []*member{m}, 5)
	require.Equal(t, wrongs{lost: 5}, wrong)
}

func TestMarksSurvive(t *testing.T) {
	k := mark{3, 1234567890, 42}
	message := appendMessage(nil, k, messageSize)
	require.Len(t, message, messageSize)
	require.True(t, json.Valid(message))
	back, ok := readMark(message)
	require.True(t, ok)
	require.Equal(t, k, back)
	for _, other := range []string{``, `{"event":"resync","data":{}}`, markStart + `1 x 3"`, markStart + `1 2"`, markStart} {
		_, ok := readMark([]byte(other))
		require.False(t, ok, other)
	}
}

// FuzzReadMark: whatever arrives on a socket does no harm.
func FuzzReadMark(f *testing.F) {
	f.Add(appendMessage(nil, mark{1, 2, 3}, 100))
	f.Fuzz(func(t *testing.T, message []byte) {
		k, ok := readMark(message)
		if ok && (k.phase < 0 || k.number < 0) {
			t.Skip("numbers beyond 63 bits are not ours")
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
