package websocket

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// TestMemberNamesMatchExactly: a client's frame is recognized by the exact names of
// its members, once each.
func TestMemberNamesMatchExactly(t *testing.T) {
	ignored, ping := command{kind: domain.FrameIgnored}, command{kind: domain.FramePing}
	refresh := func(token string) command { return command{kind: domain.FrameRefresh, token: token} }
	for text, want := range map[string]command{
		`{"type":"ping"}`:                                   ping,
		"\t{ \"type\" :\n\"ping\" } ":                       ping,
		`{"\u0074ype":"ping"}`:                              ping,
		`{"x":{"type":"refresh"},"type":"ping","y":[1,{}]}`: ping,
		`{"type":"ping","token":5,"Type":"refresh"}`:        ping,
		`{"Type":"ping"}`:                                   ignored,
		`{"TYPE":"ping"}`:                                   ignored,
		`{"type":"Ping"}`:                                   ignored,
		`{"type":"ping "}`:                                  ignored,
		`{"type":"ping","type":"ping"}`:                     ignored,
		`{"type":"ping","type":"refresh","token":"a"}`:      ignored,
		`{"type":"ping","type":5}`:                          ignored,
		`{"type":["ping"]}`:                                 ignored,
		`{"type":null}`:                                     ignored,
		`{"type":"ping"}{}`:                                 ignored,
		`{"type":"ping"} x`:                                 ignored,
		`{"type":"ping"`:                                    ignored,
		`{"type":"ping",}`:                                  ignored,
		`[{"type":"ping"}]`:                                 ignored,
		`"ping"`:                                            ignored,
		`{}`:                                                ignored,
		``:                                                  ignored,
		`{"type":"refresh","token":"a"}`:                    refresh("a"),
		`{"token":"a","type":"refresh"}`:                    refresh("a"),
		`{"type":"refresh","Token":"a"}`:                    refresh(""),
		`{"type":"refresh","token":"a","Token":"b"}`:        refresh("a"),
		`{"type":"refresh","token":"a","token":"a"}`:        refresh(""),
		`{"type":"refresh","token":"a","token":"b"}`:        refresh(""),
		`{"type":"refresh","token":{"a":1}}`:                refresh(""),
		`{"type":"refresh"}`:                                refresh(""),
	} {
		require.Equal(t, want, parseCommand([]byte(text)), text)
	}
}

// FuzzCommand: every text is parsed to one of the kinds.
func FuzzCommand(f *testing.F) {
	f.Add(`{"type":"refresh","token":"a","x":[{"type":1}]}`)
	f.Add(`{"type":"ping","type":"ping"}`)
	f.Fuzz(func(t *testing.T, text string) {
		c := parseCommand([]byte(text))
		require.Contains(t, []domain.FrameType{domain.FramePing, domain.FrameRefresh, domain.FrameIgnored}, c.kind)
		require.True(t, c.token == "" || c.kind == domain.FrameRefresh)
	})
}
