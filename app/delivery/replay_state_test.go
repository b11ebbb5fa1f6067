package delivery

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/huleedu/edge/domain"
)

// replayModel is a queue between a user's log, a subscription that lags and breaks,
// and a slow socket. A message is a number: a positive one is the position of a kept
// notification in the log, a negative one is a direct message.
type replayModel struct {
	box      *sendQueue
	config   Config
	log      []int
	trimmed  int // entries that were removed
	coming   []int
	broken   bool
	direct   int
	at       int            // where the client came from; -1: from nowhere
	page     *domain.Replay // read but not fed
	begun    bool           // the first page was fed
	fetching bool           // another was asked for
	over     bool           // the session was ended
	sealed   bool           // it is being ended
	got      []int
}

// gapMark, in the subscription, is the report of a gap.
const gapMark = 0

func placeOf(n int) domain.Position { return domain.Position(fmt.Sprintf("7-%d", n)) }

func (w *replayModel) message(n int) outboundMessage {
	if n < 0 {
		return outboundMessage{payload: fmt.Appendf(nil, `{"n":%d}`, n), received: time.Unix(1, 0)}
	}
	frame := domain.WithID(fmt.Appendf(nil, `{"n":%d}`, n), string(placeOf(n)))
	return outboundMessage{payload: frame, received: time.Unix(1, 0), id: streamIDOf(frame)}
}

// start connects a client that has everything up to a position of the log. The
// subscription may still deliver some of that.
func (w *replayModel) start(t *rapid.T) {
	for range rapid.IntRange(0, 8).Draw(t, "before") {
		w.log = append(w.log, len(w.log)+1)
	}
	w.at = rapid.IntRange(0, len(w.log)).Draw(t, "at")
	w.coming = slices.Clone(w.log[rapid.IntRange(0, len(w.log)).Draw(t, "lag"):])
	w.box.beginReplay()
}

func (w *replayModel) read(from int) domain.Replay {
	r := domain.Replay{Complete: from == 0 && w.trimmed == 0 || from > w.trimmed}
	for i := w.trimmed + 1; i <= from; i++ {
		r.Preceding = append(r.Preceding, placeOf(i))
	}
	for n := max(from, w.trimmed) + 1; n <= len(w.log); n++ {
		if len(r.Entries) == 3 {
			r.More = true
			break
		}
		r.Entries = append(r.Entries, domain.LogEntry{ID: placeOf(n), Frame: w.message(n).payload})
	}
	return r
}

func (w *replayModel) take(next nextStep) {
	w.fetching = w.fetching || next.loadPage
}

func (w *replayModel) keep(*rapid.T) {
	w.log = append(w.log, len(w.log)+1)
	if !w.broken {
		w.coming = append(w.coming, len(w.log))
	}
}

func (w *replayModel) send(*rapid.T) {
	w.direct--
	if !w.broken {
		w.coming = append(w.coming, w.direct)
	}
}

// trim removes all but the newest entries from the log. A client that is further
// behind is disconnected.
func (w *replayModel) trim(*rapid.T) {
	if w.begun {
		w.trimmed = max(w.trimmed, len(w.log)-6)
	}
}

func (w *replayModel) breakOff(*rapid.T) { w.broken, w.coming = true, nil }

func (w *replayModel) restore(*rapid.T) {
	if w.broken {
		w.broken, w.coming = false, append(w.coming, gapMark)
	}
}

func (w *replayModel) receive(*rapid.T) {
	if len(w.coming) == 0 || w.over {
		return
	}
	n := w.coming[0]
	w.coming = w.coming[1:]
	var what putResult
	var next nextStep
	if n == gapMark {
		what, next = w.box.markGap(outboundMessage{}, time.Unix(1, 0), &w.config)
	} else {
		what, next = w.box.put(w.message(n), &w.config)
	}
	if w.over = what == overflowed; w.over {
		w.box.discard()
	}
	w.take(next)
}

func (w *replayModel) attach(*rapid.T) {
	if !w.box.attached && w.begun {
		w.take(w.box.attach())
	}
}

func (w *replayModel) write(*rapid.T) {
	if !w.box.inFlight || w.over {
		return
	}
	l, _, next := w.box.complete()
	var n int
	_, _ = fmt.Sscanf(string(l.payload), `{"n":%d`, &n)
	w.got = append(w.got, n)
	w.take(next)
}

// close ends the session as a drain does, after the queued messages.
func (w *replayModel) close(t *rapid.T) {
	if w.begun && rapid.IntRange(0, 9).Draw(t, "close") == 0 {
		w.sealed = true
		w.take(w.box.close())
	}
}

// startRead reads the log; finishRead adds the page later.
func (w *replayModel) startRead(*rapid.T) {
	switch {
	case w.over || w.page != nil:
	case !w.begun:
		page := w.read(w.at)
		w.page = &page
	case w.fetching:
		hole, open := w.box.missingRange()
		if !open {
			w.fetching = false
			return
		}
		from := 0
		_, _ = fmt.Sscanf(string(hole.After), "7-%d", &from)
		page := w.read(from)
		w.page = &page
	}
}

func (w *replayModel) finishRead(*rapid.T) {
	if w.page == nil {
		return
	}
	at := streamID{}
	if !w.begun && w.at > 0 {
		at = parseStreamID(placeOf(w.at))
	}
	page := *w.page
	w.page, w.fetching, w.begun = nil, false, true
	if w.over = w.over || !page.Complete; !w.over {
		w.take(w.box.addPage(nil, at, page))
	}
}

func (w *replayModel) expire(*rapid.T) {
	if len(w.coming) == 0 { // the subscription lags less than this takes
		w.box.expireReplay(time.Now().Add(2 * deliveredTTL))
	}
}

// check requires that the client has the kept notifications after its position in
// order, complete and once each, and the direct messages in order.
func (w *replayModel) check(t *rapid.T) {
	next, direct := w.at+1, 0
	for _, n := range w.got {
		if n < 0 {
			require.Less(t, n, direct, "direct messages: %v", w.got)
			direct = n
			continue
		}
		require.Equal(t, next, n, "came from %d: %v", w.at, w.got)
		next++
	}
	require.GreaterOrEqual(t, w.box.count, 0)
	require.LessOrEqual(t, w.box.count, w.config.QueueMessages+1)
}

// finish delivers everything.
func (w *replayModel) finish(t *rapid.T) {
	w.restore(t)
	for range 10 * (len(w.log) + 10) {
		for _, step := range []func(*rapid.T){w.startRead, w.finishRead, w.attach, w.receive, w.write} {
			step(t)
		}
	}
	w.check(t)
	if w.over || w.sealed {
		require.True(t, w.over || !w.box.inFlight)
		return
	}
	kept := 0
	for _, n := range w.got {
		if n > 0 {
			kept++
		}
	}
	require.Equal(t, len(w.log)-w.at, kept, "came from %d of %d: %v", w.at, len(w.log), w.got)
	require.Zero(t, w.box.count)
	require.Zero(t, w.box.bytes)
	w.box.expireReplay(time.Now().Add(2 * deliveredTTL))
	require.Nil(t, w.box.replay, "a quiet session keeps nothing")
}

// TestReplayModel combines the operations at random. What the client has must be
// complete at every moment, because it may disconnect then and resume with its last
// id.
func TestReplayModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &replayModel{box: &sendQueue{}, config: Config{QueueMessages: 4, QueueBytes: 1 << 20}}
		w.start(t)
		t.Repeat(map[string]func(*rapid.T){
			"publish": w.keep, "publish more": w.keep, "send": w.send, "receive": w.receive, "receive more": w.receive,
			"break": w.breakOff, "restore": w.restore, "attach": w.attach, "write": w.write, "write more": w.write,
			"read": w.startRead, "add": w.finishRead, "trim": w.trim, "close": w.close, "expire": w.expire, "": w.check,
		})
		w.finish(t)
	})
}
