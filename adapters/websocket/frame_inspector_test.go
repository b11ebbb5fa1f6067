package websocket

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/internal/closecode"
)

func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newLimiter(120, time.Minute)
		for range 120 {
			require.True(t, b.Allow())
		}
		require.False(t, b.Allow(), "it is empty")
		time.Sleep(499 * time.Millisecond)
		require.False(t, b.Allow())
		time.Sleep(time.Millisecond)
		require.True(t, b.Allow(), "a token every half second")
		require.False(t, b.Allow())
		time.Sleep(time.Hour)
		for range 120 {
			require.True(t, b.Allow())
		}
		require.False(t, b.Allow(), "it never holds more than it did")
		none := newLimiter(0, time.Minute)
		require.True(t, none.Allow())
	})
}

func TestCapacity(t *testing.T) {
	for _, c := range []struct {
		configured  int
		descriptors uint64
		want        int
	}{
		{7, 1 << 20, 7}, {0, 1 << 20, 943719}, {0, 1024, 922}, {0, 300, 200}, {0, 50, 1}, {0, 1 << 63, 1<<31 - 1},
	} {
		require.Equal(t, c.want, Config{MaxConnections: c.configured}.capacity(c.descriptors))
	}
	require.NotZero(t, descriptors())
}

// frameOf returns a client's frame with the opcode.
func frameOf(opcode byte, payload uint64) []byte {
	out := []byte{0x80 | opcode}
	switch {
	case payload < length16:
		out = append(out, maskBit|byte(payload))
	case payload < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, maskBit|length16), uint16(payload))
	default:
		out = binary.BigEndian.AppendUint64(append(out, maskBit|length64), payload)
	}
	return append(out, make([]byte, maskKey+payload)...)
}

func TestInspectorCountsFrames(t *testing.T) {
	sizes := []uint64{0, 1, 125, 126, 127, 65535, 65536, 70000, 5}
	for _, step := range []int{1, 2, 3, 7, 128, 1 << 20} {
		f := frameInspector{limiter: newLimiter(len(sizes), time.Minute)}
		var stream []byte
		for _, size := range sizes {
			stream = append(stream, frameOf(1, size)...)
		}
		whole := len(stream)
		stream = append(stream, frameOf(9, 3)...)
		passed, err := f.inspectInSteps(stream, step)
		require.Equal(t, whole, passed, "in steps of %d", step)
		require.ErrorIs(t, err, rateLimited())
	}
}

// inspectInSteps inspects the stream in steps and returns how many bytes are
// accepted.
func (f *frameInspector) inspectInSteps(stream []byte, step int) (passed int, err error) {
	at := time.Time{}.Add(time.Hour)
	for passed < len(stream) && err == nil {
		var fine int
		fine, err = f.inspect(stream[passed:min(passed+step, len(stream))], at)
		passed += fine
	}
	return passed, err
}

// TestInspectorRefusesCloseOfOneByte, with a rate limit and without, and accepts
// other frames with the same opcode or length.
func TestInspectorRefusesCloseOfOneByte(t *testing.T) {
	var good []byte
	for _, frame := range [][]byte{
		frameOf(1, 1), frameOf(2, 200), frameOf(9, 1), frameOf(10, 1), frameOf(2, 70000), frameOf(8, 0), frameOf(8, 2), frameOf(8, 125),
	} {
		good = append(good, frame...)
	}
	for _, limit := range []int{0, 100} {
		for _, step := range []int{1, 2, 7, 1 << 20} {
			f := frameInspector{limiter: newLimiter(limit, time.Minute)}
			passed, err := f.inspectInSteps(append(slices.Clone(good), frameOf(8, 1)...), step)
			require.Equal(t, len(good)+1, passed, "all but the invalid byte, in steps of %d", step)
			require.ErrorIs(t, err, closecode.ProtocolError)
		}
	}
}

// FuzzInspector: the result does not depend on how the bytes are split.
func FuzzInspector(f *testing.F) {
	f.Add(frameOf(1, 200), uint8(3))
	f.Add(append(frameOf(8, 2), frameOf(8, 1)...), uint8(0))
	f.Add([]byte{0x81, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0}, uint8(1))
	f.Fuzz(func(t *testing.T, stream []byte, step uint8) {
		for _, limit := range []int{0, 3} {
			one, many := frameInspector{limiter: newLimiter(limit, time.Minute)}, frameInspector{limiter: newLimiter(limit, time.Minute)}
			want, cause := one.inspect(stream, time.Time{}.Add(time.Hour))
			got, why := many.inspectInSteps(stream, 1+int(step))
			if got != want || want > len(stream) || !errors.Is(why, cause) || (cause == nil) != (want == len(stream)) {
				t.Fatalf("%d in one piece (%v), %d in pieces (%v), of %d", want, cause, got, why, len(stream))
			}
		}
	})
}
