package delivery

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestStreamIDOf(t *testing.T) {
	for text, want := range map[string]streamID{
		`{"event":"e","id":"5-1"}`: {5, 1},
		`{"event":"e","data":{"id":"9-9"},"id":"18446744073709551615-18446744073709551615"}`: {1<<64 - 1, 1<<64 - 1},
		`{"a":1,"id":"0-0"}`:                      {},
		`{"event":"e","data":{"a":1,"id":"5-1"}}`: {},
		`{"a":1,"id":"5-1" }`:                     {},
		`{"a":1,"id": "5-1"}`:                     {},
		`{"a":1,"id":"05-1"}`:                     {},
		`{"a":1,"id":"+5-1"}`:                     {},
		`{"a":1,"id":"5-1-1"}`:                    {},
		`{"a":1,"id":"18446744073709551616-1"}`:   {},
		`{"a":1,"id":"-"}`:                        {},
		`"}`:                                      {},
		``:                                        {},
		`x`:                                       {},
	} {
		require.Equal(t, want, streamIDOf([]byte(text)), text)
	}
	frame := []byte(`{"event":"e","data":{},"id":"1795347829509-12"}`)
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = streamIDOf(frame) }), "every live message is looked at")
}

// FuzzStreamID: formatting and parsing a position are inverse.
func FuzzStreamID(f *testing.F) {
	f.Add("5-1")
	f.Add("18446744073709551615-0")
	f.Fuzz(func(t *testing.T, text string) {
		m := parseStreamID(domain.Position(text))
		if m == (streamID{}) {
			return
		}
		require.Equal(t, text, string(m.position()))
		p, err := domain.ParsePosition(text)
		require.NoError(t, err)
		require.Equal(t, m, streamIDOf(domain.WithID([]byte(`{"a":1}`), string(p))))
	})
}
