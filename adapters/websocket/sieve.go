package websocket

import (
	"time"
	"unicode/utf8"
)

// sieve looks at the frames that a client sends, as they come over the wire (RFC
// 6455 section 5.2). It counts them, data and control, and each fragment, because
// a message without end costs as much as many messages; and it finds the broken
// ones that the library takes for right, or answers with another status than the
// RFC's. The others are the library's affair.
type sieve struct {
	bucket bucket
	first  byte // of the header
	got    byte // bytes of the header that have come
	want   byte // its length, once the second byte has come
	extra  byte // those of its bytes that extend the payload's length
	key    [maskKey]byte
	size   int    // the payload's length, as far as the header has told
	left   int    // bytes of the payload still to come
	reason []byte // the payload of a close frame so far, unmasked; nil outside
}

// feed takes bytes that came and returns how many of them may pass, and why not
// all: those that lie before a frame over the limit, or before the byte that shows
// a broken frame.
func (f *sieve) feed(p []byte, now time.Time) (fine int, err error) {
	for i := 0; i < len(p); {
		if f.left > 0 {
			n := min(f.left, len(p)-i)
			if f.reason != nil && !f.readReason(p[i:i+n]) {
				return i + n - 1, errBadReason
			}
			f.left -= n
			i += n
			continue
		}
		if f.got == 0 && !f.bucket.take(now) {
			return i, errFlood
		}
		if !f.read(p[i]) {
			return i, errBadFrame
		}
		i++
	}
	return len(p), nil
}

// The parts of a frame's header.
const (
	plainHeader = 2    // its length without the parts below
	finBit      = 0x80 // of the first byte
	rsv1Bit     = 0x40 // likewise: the message is compressed (RFC 7692)
	rsvBits     = 0x70 // likewise
	opcodeBits  = 0x0f // likewise
	controlBit  = 0x08 // likewise: it is a control frame
	maskKey     = 4    // the key's bytes, where maskBit is set
	maskBit     = 0x80 // of the second byte
	lengthBits  = 0x7f // likewise: the length, or one of these:
	longLength  = 126  // two bytes of length follow
	hugeLength  = 127  // eight do
	topBit      = 0x80 // of the first of the eight: must be 0
)

// read takes one byte of a header. It returns false when the byte shows a broken
// frame.
func (f *sieve) read(b byte) bool {
	f.got++
	switch {
	case f.got < plainHeader:
		f.first, f.want, f.extra, f.size, f.reason = b, plainHeader, 0, 0, nil
	case f.got == plainHeader:
		if f.isClose() && b&lengthBits == 1 { // half a status
			return false
		}
		f.measure(b)
	case f.got <= plainHeader+f.extra:
		if f.extra == 8 && f.got == plainHeader+1 && b&topBit != 0 {
			return false
		}
		f.size = f.size<<8 | int(b)
		if f.got == plainHeader+f.extra && !f.minimal() {
			return false
		}
	default:
		f.key[f.got-plainHeader-f.extra-1] = b
	}
	if f.got == f.want {
		f.left, f.got = f.size, 0
		if f.isClose() && f.size <= maxControl {
			f.reason = make([]byte, 0, f.size)
		}
	}
	return true
}

// maxControl is the longest payload of a control frame.
const maxControl = 125

func (f *sieve) isClose() bool { return f.first&opcodeBits == closeFrame&opcodeBits }

// minimal reports whether no shorter spelling of the length exists (RFC 6455
// section 5.2). It is called once all bytes of the length have come.
func (f *sieve) minimal() bool {
	if f.extra == 2 {
		return f.size >= longLength
	}
	return f.size >= 1<<16
}

// measure takes the byte that tells the lengths. An unmasked frame, which the
// library refuses, has a key of zeros.
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
	f.key = [maskKey]byte{}
	if b&maskBit != 0 {
		f.want += maskKey
	}
}

// readReason takes bytes of a close frame's payload: a status of two bytes, then
// text. It returns false when the text is complete and not UTF-8.
func (f *sieve) readReason(p []byte) bool {
	for _, b := range p {
		f.reason = append(f.reason, b^f.key[len(f.reason)%maskKey])
	}
	const status = 2
	return len(f.reason) < f.size || len(f.reason) <= status || utf8.Valid(f.reason[status:])
}
