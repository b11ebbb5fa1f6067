package websocket

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/huleedu/edge/domain"
)

// stream is a mailbox between a user's log, a subscription that lags and
// breaks, and a socket that takes its time. A message is a number: a kept one
// is its own place in the log, a direct one is negative.
type stream struct {
	box      *sendQueue
	config   Config
	log      []int
	trimmed  int // entries that are gone
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

// gap stands in the subscription for what follows a break.
const gapMark = 0

func placeOf(n int) domain.Position { return domain.Position(fmt.Sprintf("7-%d", n)) }

func (w *stream) letter(n int) outboundMessage {
	if n < 0 {
		return outboundMessage{payload: fmt.Appendf(nil, `{"n":%d}`, n), received: time.Unix(1, 0)}
	}
	frame := domain.WithID(fmt.Appendf(nil, `{"n":%d}`, n), string(placeOf(n)))
	return outboundMessage{payload: frame, received: time.Unix(1, 0), id: streamIDOf(frame)}
}

// start lets a client come back that has everything up to a place in the log.
// The subscription may still bring some of that.
func (w *stream) start(t *rapid.T) {
	for range rapid.IntRange(0, 8).Draw(t, "before") {
		w.log = append(w.log, len(w.log)+1)
	}
	w.at = rapid.IntRange(0, len(w.log)).Draw(t, "at")
	w.coming = slices.Clone(w.log[rapid.IntRange(0, len(w.log)).Draw(t, "lag"):])
	w.box.beginReplay()
}

func (w *stream) read(from int) domain.Replay {
	r := domain.Replay{Complete: from == 0 && w.trimmed == 0 || from > w.trimmed}
	for i := w.trimmed + 1; i <= from; i++ {
		r.Passed = append(r.Passed, placeOf(i))
	}
	for n := max(from, w.trimmed) + 1; n <= len(w.log); n++ {
		if len(r.Entries) == 3 {
			r.More = true
			break
		}
		r.Entries = append(r.Entries, domain.Kept{ID: placeOf(n), Frame: w.letter(n).payload})
	}
	return r
}

func (w *stream) take(next nextStep) {
	w.fetching = w.fetching || next.loadPage
}

func (w *stream) keep(*rapid.T) {
	w.log = append(w.log, len(w.log)+1)
	if !w.broken {
		w.coming = append(w.coming, len(w.log))
	}
}

func (w *stream) send(*rapid.T) {
	w.direct--
	if !w.broken {
		w.coming = append(w.coming, w.direct)
	}
}

// trim lets the log forget all but its newest; a client that is further behind
// is sent away.
func (w *stream) trim(*rapid.T) {
	if w.begun {
		w.trimmed = max(w.trimmed, len(w.log)-6)
	}
}

func (w *stream) breakOff(*rapid.T) { w.broken, w.coming = true, nil }

func (w *stream) mend(*rapid.T) {
	if w.broken {
		w.broken, w.coming = false, append(w.coming, gapMark)
	}
}

func (w *stream) hear(*rapid.T) {
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
		what, next = w.box.put(w.letter(n), &w.config)
	}
	if w.over = what == overflowed; w.over {
		w.box.discard()
	}
	w.take(next)
}

func (w *stream) attach(*rapid.T) {
	if !w.box.attached && w.begun {
		w.take(w.box.attach())
	}
}

func (w *stream) write(*rapid.T) {
	if !w.box.inFlight || w.over {
		return
	}
	l, _, next := w.box.complete()
	var n int
	_, _ = fmt.Sscanf(string(l.payload), `{"n":%d`, &n)
	w.got = append(w.got, n)
	w.take(next)
}

// seal ends the session as a drain does: after what is queued.
func (w *stream) seal(t *rapid.T) {
	if w.begun && rapid.IntRange(0, 9).Draw(t, "seal") == 0 {
		w.sealed = true
		w.take(w.box.close())
	}
}

// look reads the log; feed hands the page over some time later.
func (w *stream) look(*rapid.T) {
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

func (w *stream) feed(*rapid.T) {
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

func (w *stream) forget(*rapid.T) {
	if len(w.coming) == 0 { // the subscription lags less than this takes
		w.box.expireReplay(time.Now().Add(2 * deliveredTTL))
	}
}

// check demands of what the client has: kept notifications are those behind its
// place, in order, none missing and none twice; direct messages are in order.
func (w *stream) check(t *rapid.T) {
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
	require.LessOrEqual(t, w.box.count, w.config.SendQueueMessages+1)
}

// settle lets everything arrive.
func (w *stream) settle(t *rapid.T) {
	w.mend(t)
	for range 10 * (len(w.log) + 10) {
		for _, step := range []func(*rapid.T){w.look, w.feed, w.attach, w.hear, w.write} {
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

// TestCatchUp mixes everything that can happen to a client who resumes. What
// it is given must be whole at every moment, because it may be cut off then and
// come back with the last id it has.
func TestCatchUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &stream{box: &sendQueue{}, config: Config{SendQueueMessages: 4, SendQueueBytes: 1 << 20}}
		w.start(t)
		t.Repeat(map[string]func(*rapid.T){
			"keep": w.keep, "keep more": w.keep, "send": w.send, "hear": w.hear, "hear more": w.hear,
			"break": w.breakOff, "mend": w.mend, "attach": w.attach, "write": w.write, "write more": w.write,
			"look": w.look, "feed": w.feed, "trim": w.trim, "seal": w.seal, "forget": w.forget, "": w.check,
		})
		w.settle(t)
	})
}
