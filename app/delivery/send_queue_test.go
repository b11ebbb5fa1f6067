package delivery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// kept returns a notification with the position 7-n, and direct one that no log keeps.
func kept(n uint64) outboundMessage {
	return outboundMessage{payload: []byte("12345"), received: time.Unix(1, 0), id: streamID{7, n}}
}

func direct() outboundMessage {
	return outboundMessage{payload: []byte("12345"), received: time.Unix(1, 0)}
}

func TestQueueIsFullBehindItsBounds(t *testing.T) {
	c := &Config{QueueMessages: 3, QueueBytes: 20}
	for name, want := range map[string]struct {
		queue *sendQueue
		size  int
		full  bool
	}{
		"any size into an empty queue": {&sendQueue{}, 1000, false},
		"the last byte":                {&sendQueue{count: 1, bytes: 10}, 10, false},
		"one byte more":                {&sendQueue{count: 1, bytes: 10}, 11, true},
		"the last message":             {&sendQueue{count: 2, bytes: 2}, 1, false},
		"one message more":             {&sendQueue{count: 3, bytes: 3}, 1, true},
	} {
		require.Equal(t, want.full, want.queue.full(outboundMessage{payload: make([]byte, want.size)}, c), name)
	}
}

func TestDiscardCountsDeliveriesOnly(t *testing.T) {
	q := &sendQueue{inFlight: true, current: outboundMessage{payload: []byte("answer")}, queue: []outboundMessage{direct()}}
	require.Equal(t, 1, q.discard(), "an answer of the service is not a delivery")
	q = &sendQueue{current: direct()} // written before
	require.Zero(t, q.discard())
	q = &sendQueue{replay: &replayState{holding: true, held: []outboundMessage{direct(), kept(1)}}}
	require.Equal(t, 1, q.discard(), "the log keeps the other one")
	q = &sendQueue{queue: []outboundMessage{direct()}, replay: &replayState{held: []outboundMessage{direct()}}}
	require.Equal(t, 1, q.discard(), "the replay has ended")
}

func TestOnlyEntriesOfTheLogAreRecognized(t *testing.T) {
	r := &replayState{}
	r.markDelivered(streamID{}, []domain.Position{"7-2"})
	require.Len(t, r.delivered, 1, "without a position there is no entry")
	r.markDelivered(streamID{7, 1}, nil)
	require.True(t, r.alreadyDelivered(kept(1)))
	require.True(t, r.alreadyDelivered(kept(2)))
	require.False(t, r.alreadyDelivered(kept(3)))
	require.False(t, r.alreadyDelivered(direct()))
}

func TestNoPageIsReadWithoutAReplay(t *testing.T) {
	for _, q := range []*sendQueue{{}, {closed: true, replay: &replayState{holding: true}}} {
		_, open := q.missingRange()
		require.False(t, open)
	}
}

func TestLatePageIsDropped(t *testing.T) {
	page := domain.Replay{Complete: true, Entries: []domain.LogEntry{{ID: "7-1", Frame: []byte("{}")}}}
	for name, q := range map[string]*sendQueue{
		"no replay":   {},
		"closed":      {closed: true, replay: &replayState{holding: true, loading: true}},
		"not awaited": {replay: &replayState{holding: true}},
	} {
		require.Zero(t, q.addPage(nil, streamID{}, page), name)
		require.Empty(t, q.queue, name)
	}
}

func TestPageMovesThePosition(t *testing.T) {
	q := &sendQueue{last: streamID{7, 1}}
	q.beginReplay()
	q.addPage(nil, streamID{}, domain.Replay{Complete: true, More: true})
	require.Equal(t, streamID{7, 1}, q.last, "the page names no position")
	q.replay.loading = true
	q.addPage(nil, streamID{7, 5}, domain.Replay{Complete: true})
	require.Equal(t, streamID{7, 5}, q.last)
}

func TestGapBeginsAtTheEarliestTime(t *testing.T) {
	q, c := &sendQueue{}, &Config{QueueMessages: 3, QueueBytes: 20}
	for _, at := range []int64{20, 10, 30} {
		_, _ = q.markGap(outboundMessage{}, time.Unix(at, 0), c)
	}
	missing, open := q.missingRange()
	require.True(t, open)
	require.Equal(t, time.Unix(10, 0), missing.Since)
	q.replay.loading = true
	_, _ = q.markGap(outboundMessage{}, time.Unix(40, 0), c) // while the page is read
	q.addPage(nil, streamID{}, domain.Replay{Complete: true, More: true})
	require.Equal(t, time.Unix(10, 0), q.replay.since, "the page may not reach the new gap")
	_, _ = q.missingRange()
	q.replay.loading = true
	q.addPage(nil, streamID{}, domain.Replay{Complete: true, More: true})
	require.Zero(t, q.replay.since, "the position says where to continue")
}

func TestPositionBeforeTheFirstEntryIsKnown(t *testing.T) {
	for name, want := range map[string]struct {
		queue *sendQueue
		frame Frame
		last  domain.Position
	}{
		"unknown":                {&sendQueue{}, Frame{}, ""},
		"before the first entry": {&sendQueue{lastKnown: true}, Frame{position: true}, domain.PositionStart},
		"an entry":               {&sendQueue{last: streamID{7, 1}}, Frame{id: streamID{7, 1}}, "7-1"},
		"a named entry":          {&sendQueue{last: streamID{7, 1}, lastKnown: true}, Frame{id: streamID{7, 1}, position: true}, "7-1"},
	} {
		last, _, _ := want.queue.usage()
		require.Equal(t, want.last, last, name)
		require.Equal(t, want.last, want.frame.Position(), name)
	}
}
