package websocket

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(120, time.Minute)
		for range 120 {
			require.True(t, b.take(time.Now()))
		}
		require.False(t, b.take(time.Now()), "it is empty")
		time.Sleep(499 * time.Millisecond)
		require.False(t, b.take(time.Now()))
		time.Sleep(time.Millisecond)
		require.True(t, b.take(time.Now()), "a token every half second")
		require.False(t, b.take(time.Now()))
		time.Sleep(time.Hour)
		for range 120 {
			require.True(t, b.take(time.Now()))
		}
		require.False(t, b.take(time.Now()), "it never holds more than it did")
		none := newBucket(0, time.Minute)
		require.True(t, none.take(time.Now()))
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

// frameOf is a client's frame of the opcode.
func frameOf(opcode byte, payload uint64) []byte {
	out := []byte{0x80 | opcode}
	switch {
	case payload < longLength:
		out = append(out, maskBit|byte(payload))
	case payload < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, maskBit|longLength), uint16(payload))
	default:
		out = binary.BigEndian.AppendUint64(append(out, maskBit|hugeLength), payload)
	}
	return append(out, make([]byte, maskKey+payload)...)
}

func TestSieveCountsFrames(t *testing.T) {
	sizes := []uint64{0, 1, 125, 126, 127, 65535, 65536, 70000, 5}
	for _, step := range []int{1, 2, 3, 7, 128, 1 << 20} {
		f := sieve{bucket: newBucket(len(sizes), time.Minute)}
		var stream []byte
		for _, size := range sizes {
			stream = append(stream, frameOf(1, size)...)
		}
		whole := len(stream)
		stream = append(stream, frameOf(9, 3)...)
		passed := 0
		for passed < len(stream) {
			piece := stream[passed:min(passed+step, len(stream))]
			n := f.feed(piece, time.Time{}.Add(time.Hour))
			passed += n
			if n < len(piece) {
				break
			}
		}
		require.Equal(t, whole, passed, "in steps of %d", step)
	}
	var off sieve
	require.Equal(t, 5, off.feed(make([]byte, 5), time.Now()))
}

// FuzzSieve: however bytes are cut, the same ones pass.
func FuzzSieve(f *testing.F) {
	f.Add(frameOf(1, 200), uint8(3))
	f.Add([]byte{0x81, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0}, uint8(1))
	f.Fuzz(func(t *testing.T, stream []byte, step uint8) {
		at := time.Now()
		one, many := sieve{bucket: newBucket(3, time.Minute)}, sieve{bucket: newBucket(3, time.Minute)}
		want, got := one.feed(stream, at), 0
		for got < len(stream) {
			piece := stream[got:min(got+1+int(step), len(stream))]
			n := many.feed(piece, at)
			got += n
			if n < len(piece) {
				break
			}
		}
		if got != want || want > len(stream) {
			t.Fatalf("%d in one piece, %d in pieces, of %d", want, got, len(stream))
		}
	})
}
