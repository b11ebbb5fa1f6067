package websocket

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzInflater: the inflater keeps its bounds, and its output does not depend on how
// the input is split.
func FuzzInflater(f *testing.F) {
	f.Add([]byte{0xc1, 0x82, 0, 0, 0, 0, 0xff, 0xff}, uint8(1))
	f.Add([]byte{0x41, 0x81, 1, 2, 3, 4, 0, 0x89, 0x80, 0, 0, 0, 0, 0x80, 0x80, 0, 0, 0, 0}, uint8(3))
	f.Add([]byte{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1}, uint8(2))
	f.Fuzz(func(t *testing.T, stream []byte, step uint8) {
		fresh := func() *inflater { return &inflater{maxInflated: 1000, maxCompressed: 100, readers: newInflaters()} }
		one, many := fresh(), fresh()
		errOne := one.write(stream)
		var errMany error
		for at := 0; at < len(stream) && errMany == nil; at += 1 + int(step) {
			errMany = many.write(stream[at:min(at+1+int(step), len(stream))])
			require.LessOrEqual(t, len(many.compressed), 100)
		}
		require.Equal(t, errOne, errMany)
		require.Equal(t, one.output, many.output)
	})
}

// FuzzOffers: parsing an offer ends without a panic.
func FuzzOffers(f *testing.F) {
	for _, seed := range []string{"permessage-deflate; client_max_window_bits=\"10\", x", ";;", ",", "a;b=", "a;b=\""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		accepted, ok := offersDeflate(map[string][]string{"Sec-Websocket-Extensions": {line}})
		require.False(t, accepted && !ok)
	})
}
