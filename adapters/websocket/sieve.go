package websocket

import "time"

// sieve looks at the frames that a client sends, as they come over the wire (RFC
// 6455 section 5.2). It counts them, data and control, and each fragment, because
// a message without end costs as much as many messages; and it finds the broken
// ones that the library takes for right. The others are the library's affair.
type sieve struct {
	bucket bucket
	first  byte // of the header
	got    int  // bytes of the header that have come
	want   int  // its length, once the second byte has come
	extra  int  // those of its bytes that extend the payload's length
	size   int  // the payload's length, as far as the header has told
	left   int  // bytes of the payload still to come; of a broken frame, any number
}

// feed takes bytes that came and returns how many of them may pass, and why not
// all: those that lie before a frame over the limit, or before the byte of a
// header that shows a broken frame.
func (f *sieve) feed(p []byte, now time.Time) (fine int, err error) {
	for i := 0; i < len(p); {
		if f.left > 0 {
			n := min(f.left, len(p)-i)
			f.left -= n
			i += n
			continue
		}
		switch {
		case f.got == 0 && !f.bucket.take(now):
			return i, errFlood
		case f.got == 1 && f.first&opcodeBits == closeFrame&opcodeBits && p[i]&lengthBits == 1:
			return i, errHalfStatus
		}
		f.read(p[i])
		i++
	}
	return len(p), nil
}

// The parts of a frame's header.
const (
	plainHeader = 2    // its length without the parts below
	opcodeBits  = 0x0f // of the first byte
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
		f.first, f.want, f.extra, f.size = b, plainHeader, 0, 0
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
