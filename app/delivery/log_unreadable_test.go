package delivery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// TestUnreadableLogOverflowsNoQueue checks that, while the log cannot be read, a client that reads
// its messages is not disconnected, and it gets the kept notifications when the log
// is readable again.
func TestUnreadableLogOverflowsNoQueue(t *testing.T) {
	config := Config{QueueMessages: 4, QueueBytes: 1 << 20}
	w := &replayModel{box: &sendQueue{}, config: config}
	w.box.attach()
	what, next := w.box.markGap(outboundMessage{}, time.Unix(1, 0), &config)
	require.Equal(t, accepted, what)
	require.True(t, next.loadPage)

	// The first messages arrive before a read of the log fails.
	var out []string
	send := func(l outboundMessage) {
		what, next := w.box.put(l, &config)
		require.Equal(t, accepted, what)
		for next.write {
			out = append(out, string(next.message.payload))
			_, _, next = w.box.complete()
		}
		require.False(t, next.loadPage, "one reader is at it already")
	}
	send(w.message(-1))
	send(w.message(-2))
	require.Empty(t, out)
	w.box.recordFailure(time.Unix(2, 0))
	send(w.message(1))
	for n := 3; n <= 20; n++ {
		send(w.message(-n))
	}
	require.Len(t, out, 20, "all but the kept one")
	require.Equal(t, `{"n":-1}`, out[0])
	require.Equal(t, `{"n":-20}`, out[19])

	_, open := w.box.missingRange()
	require.True(t, open)
	kept := w.message(1)
	next = w.box.addPage(nil, streamID{}, domain.Replay{Complete: true, Entries: []domain.LogEntry{{ID: placeOf(1), Frame: kept.payload}}})
	require.True(t, next.write)
	require.Equal(t, string(kept.payload), string(next.message.payload))
	_, _, next = w.box.complete()
	require.False(t, next.write, "it comes once")
}
