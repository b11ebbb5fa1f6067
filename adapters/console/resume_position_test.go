package console_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/console"
)

// TestListenResumesFromLastPosition checks that each connection requests the
// notifications that follow the last one with a position.
func TestListenResumesFromLastPosition(t *testing.T) {
	var mu sync.Mutex
	var queries []string
	recordQuery := func(h http.HandlerFunc) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			queries = append(queries, r.URL.RawQuery)
			mu.Unlock()
			h(w, r)
		}
	}
	position := `{"event":"position","data":{"last_event_id":"7-0"}}`
	named := `{"event":"position","data":{"last_event_id":"1-1"},"id":"7-1"}`
	url := serveWebSocket(t,
		recordQuery(sendThenClose(1012, "", position)),
		recordQuery(sendThenClose(1012, "", `{"event":"direct","data":{"last_event_id":"1-1"}}`, "no JSON", `{"id":5}`, `{"id":"x"}`, `{"id":"$"}`)),
		recordQuery(sendThenClose(1012, "", named)),
		recordQuery(sendThenClose(0, "", `{"event":"last","id":"7-2"}`)),
	)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var frames, notes []string
	s := console.NotificationClient{URL: url + "?a=b", Since: "$", OnStatus: func(text string) { notes = append(notes, text) }}
	s.OnFrame = func(f []byte) {
		frames = append(frames, string(f))
		if len(frames) == 7 {
			cancel()
		}
	}
	require.NoError(t, s.Listen(ctx))
	require.Len(t, frames, 7)
	require.Equal(t, named, frames[5], "a notification can have the event name position")
	require.Equal(t, "resuming after 7-0", notes[1])
	require.Equal(t, []string{
		"a=b&last_event_id=%24", "a=b&last_event_id=7-0", "a=b&last_event_id=7-0", "a=b&last_event_id=7-1",
	}, queries)
}
