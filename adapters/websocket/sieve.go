package websocket

import "time"

// sieve counts the frames that a client sends, as they come over the wire (RFC
// 6455 section 5.2): data and control, and each fragment, because a message
// without end costs as much as many messages. Whether a frame is right is not
// its affair.
type sieve struct {
	bucket bucket
	got    int // bytes of the header that have come
	want   int // its length, once the second byte has come
	extra  int // those of its bytes that extend the payload's length
	size   int // the payload's length, as far as the header has told
	left   int // bytes of the payload still to come; of a broken frame, any number
}

// feed takes bytes that came and returns how many of them lie before the first
// frame over the limit; without one, all.
func (f *sieve) feed(p []byte, now time.Time) int {
	if f.bucket.gap == 0 {
		return len(p)
	}
	for i := 0; i < len(p); {
		if f.left > 0 {
			n := min(f.left, len(p)-i)
			f.left -= n
			i += n
			continue
		}
		if f.got == 0 && !f.bucket.take(now) {
			return i
		}
		f.read(p[i])
		i++
	}
	return len(p)
}

// The parts of a frame's header.
const (
	plainHeader = 2    // its length without the parts below
	maskKey     = 4    // the key's bytes, where maskBit is set
	maskBit     = 0x80 // of the second byte
	lengthBits  = 0x7f // likewise: the length, or one of these:
	longLength  = 126  // two bytes of length follow
	hugeLength  = 127  // eight do
)

// read takes one byte of a header.
func (f *sieve) read(b byte) {
	f.got++
	switch {
	case f.got < plainHeader:
		f.want, f.extra, f.size = plainHeader, 0, 0
	case f.got == plainHeader:
		f.measure(b)
	case f.got <= plainHeader+f.extra:
		f.size = f.size<<8 | int(b)
	}
	if f.got == f.want {
		f.left, f.got = f.size, 0
	}
}

// measure takes the byte that tells the lengths.
func (f *sieve) measure(b byte) {
	switch length := b & lengthBits; length {
	case longLength:
		f.extra = 2
	case hugeLength:
		f.extra = 8
	default:
		f.size = int(length)
	}
	f.want += f.extra
	if b&maskBit != 0 {
		f.want += maskKey
	}
}
