package reply

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// TestRefusalsAreClassifiedByTheirFirstWords has each refusal of Redis and of its proxies that may end, and
// whether Redis then refuses all commands or all writes.
func TestRefusalsAreClassifiedByTheirFirstWords(t *testing.T) {
	for words, outage := range map[string]bool{
		"LOADING": true, "READONLY": true, "OOM": true, "CLUSTERDOWN": true, "MASTERDOWN": true, "MISCONF": true, "NOAUTH": true, "WRONGPASS": true,
		"DENIED": true, "ERR max number of clients": true,
		"BUSY": false, "TRYAGAIN": false, "NOREPLICAS": false, "MOVED": false, "ASK": false, "NOPERM": false, "NOSCRIPT": false, "UNKILLABLE": false,
		"EXECABORT": false, "ERR The user executing the script": false,
	} {
		err := errorReply(words + " and more")
		require.True(t, IsTemporary(err), words)
		require.False(t, IsFinal(err), words)
		require.Equal(t, outage, Outage(err) != nil, words)
	}
	for _, words := range []string{"WRONGTYPE", "CROSSSLOT"} {
		err := errorReply(words + " and more")
		require.True(t, IsFinal(err), words)
		require.False(t, IsTemporary(err), words)
		require.NoError(t, Outage(err), words)
	}
}

func TestBytesThatAreNoReplyToTheCommandAreReplies(t *testing.T) {
	for _, text := range []string{"redis: can't parse \"HTTP/1.1 400\"", "redis: invalid reply: \"x\"", "redis: got 3 elements", "redis: unexpected type"} {
		require.True(t, Is(errors.New(text)), text)
	}
	require.False(t, Is(errors.New("redis: connection pool timeout")))
}

// page returns the result of the script that reads a log, with a change.
func page(change func([]any)) []any {
	result := []any{int64(1), "1-0", int64(0), []any{"1-0"}, []any{"2-0", `{"a":1}`, "3-0", `{"b":2}`}}
	change(result)
	return result
}

func TestAPageOfTheLogIsParsed(t *testing.T) {
	want := domain.Replay{
		Complete: true, Oldest: "1-0", Preceding: []domain.Position{"1-0"},
		Entries: []domain.LogEntry{{ID: "2-0", Frame: []byte(`{"a":1,"id":"2-0"}`)}, {ID: "3-0", Frame: []byte(`{"b":2,"id":"3-0"}`)}},
	}
	got, ok := ParseReplay(page(func([]any) {}))
	require.True(t, ok)
	require.Equal(t, want, got)
	got, ok = ParseReplay(page(func(r []any) { r[0], r[2] = int64(0), int64(1) }))
	require.True(t, ok)
	require.False(t, got.Complete)
	require.True(t, got.More)
}

func TestAnotherFormIsNoPage(t *testing.T) {
	for i := range 5 {
		_, ok := ParseReplay(page(func(r []any) { r[i] = strings.NewReader("") }))
		require.False(t, ok, "element %d", i)
	}
	for name, change := range map[string]func([]any){
		"an id without its frame": func(r []any) { r[4] = []any{"2-0"} },
		"an empty frame":          func(r []any) { r[4] = []any{"2-0", ""} },
		"a number in a list":      func(r []any) { r[3] = []any{int64(1)} },
	} {
		_, ok := ParseReplay(page(change))
		require.False(t, ok, name)
	}
	_, ok := ParseReplay(page(func([]any) {})[:4])
	require.False(t, ok)
}
