package websocket

import (
	"time"
	"unicode/utf8"
)

// frameInspector looks at the frames that a client sends, as they come over the wire (RFC
// 6455 section 5.2). It counts them, data and control, and each fragment, because
// a message without end costs as much as many messages; and it finds the broken
// ones that the library takes for right, or answers with another status than the
// RFC's. The others are the library's affair.
type frameInspector struct {
	bucket      tokenBucket
	firstByte   byte // of the header
	headerRead  byte // bytes of the header that have come
	headerSize  byte // its length, once the second byte has come
	lengthBytes byte // those of its bytes that extend the payload's length
	maskingKey  [maskKey]byte
	payloadSize int    // the payload's length, as far as the header has told
	payloadLeft int    // bytes of the payload still to come
	closeReason []byte // the payload of a close frame so far, unmasked; nil outside
}

// inspect takes bytes that came and returns how many of them may pass, and why not
// all: those that lie before a frame over the limit, or before the byte that shows
// a broken frame.
func (f *frameInspector) inspect(p []byte, now time.Time) (fine int, err error) {
	for i := 0; i < len(p); {
		if f.payloadLeft > 0 {
			n := min(f.payloadLeft, len(p)-i)
			if f.closeReason != nil && !f.readReason(p[i:i+n]) {
				return i + n - 1, errInvalidReason
			}
			f.payloadLeft -= n
			i += n
			continue
		}
		if f.headerRead == 0 && !f.bucket.allow(now) {
			return i, errRateLimit
		}
		if !f.readHeader(p[i]) {
			return i, errInvalidFrame
		}
		i++
	}
	return len(p), nil
}

// The parts of a frame's header.
const (
	minHeader  = 2    // its length without the parts below
	finBit     = 0x80 // of the first byte
	rsv1Bit    = 0x40 // likewise: the message is compressed (RFC 7692)
	rsvBits    = 0x70 // likewise
	opcodeBits = 0x0f // likewise
	controlBit = 0x08 // likewise: it is a control frame
	maskKey    = 4    // the key's bytes, where maskBit is set
	maskBit    = 0x80 // of the second byte
	lengthBits = 0x7f // likewise: the length, or one of these:
	length16   = 126  // two bytes of length follow
	length64   = 127  // eight do
	topBit     = 0x80 // of the first of the eight: must be 0
)

// readHeader takes one byte of a header. It returns false when the byte shows a broken
// frame.
func (f *frameInspector) readHeader(b byte) bool {
	f.headerRead++
	switch {
	case f.headerRead < minHeader:
		f.firstByte, f.headerSize, f.lengthBytes, f.payloadSize, f.closeReason = b, minHeader, 0, 0, nil
	case f.headerRead == minHeader:
		if f.isClose() && b&lengthBits == 1 { // half a status
			return false
		}
		f.readLength(b)
	case f.headerRead <= minHeader+f.lengthBytes:
		if f.lengthBytes == 8 && f.headerRead == minHeader+1 && b&topBit != 0 {
			return false
		}
		f.payloadSize = f.payloadSize<<8 | int(b)
		if f.headerRead == minHeader+f.lengthBytes && !f.minimalLength() {
			return false
		}
	default:
		f.maskingKey[f.headerRead-minHeader-f.lengthBytes-1] = b
	}
	if f.headerRead == f.headerSize {
		f.payloadLeft, f.headerRead = f.payloadSize, 0
		if f.isClose() && f.payloadSize <= maxControl {
			f.closeReason = make([]byte, 0, f.payloadSize)
		}
	}
	return true
}

// maxControl is the longest payload of a control frame.
const maxControl = 125

func (f *frameInspector) isClose() bool { return f.firstByte&opcodeBits == closeFrame&opcodeBits }

// minimalLength reports whether no shorter spelling of the length exists (RFC 6455
// section 5.2). It is called once all bytes of the length have come.
func (f *frameInspector) minimalLength() bool {
	if f.lengthBytes == 2 {
		return f.payloadSize >= length16
	}
	return f.payloadSize >= 1<<16
}

// readLength takes the byte that tells the lengths. An unmasked frame, which the
// library refuses, has a key of zeros.
func (f *frameInspector) readLength(b byte) {
	switch length := b & lengthBits; length {
	case length16:
		f.lengthBytes = 2
	case length64:
		f.lengthBytes = 8
	default:
		f.payloadSize = int(length)
	}
	f.headerSize += f.lengthBytes
	f.maskingKey = [maskKey]byte{}
	if b&maskBit != 0 {
		f.headerSize += maskKey
	}
}

// readReason takes bytes of a close frame's payload: a status of two bytes, then
// text. It returns false when the text is complete and not UTF-8.
func (f *frameInspector) readReason(p []byte) bool {
	for _, b := range p {
		f.closeReason = append(f.closeReason, b^f.maskingKey[len(f.closeReason)%maskKey])
	}
	const status = 2
	return len(f.closeReason) < f.payloadSize || len(f.closeReason) <= status || utf8.Valid(f.closeReason[status:])
}
