package websocket

import (
	"time"
	"unicode/utf8"

	"golang.org/x/time/rate"
)

// frameInspector parses the frames that a client sends (RFC 6455 section 5.2). It
// counts them, data, control and each fragment, because an endless message costs as
// much as many messages. It finds the invalid frames that the library accepts, or
// answers with another status than the RFC requires. The library checks the rest.
type frameInspector struct {
	limiter     *rate.Limiter
	firstByte   byte // of the header
	headerRead  byte // bytes of the header that were read
	headerSize  byte // known once the second byte was read
	lengthBytes byte // how many bytes extend the payload's length
	maskingKey  [maskKey]byte
	payloadSize int    // as far as the header was read
	payloadLeft int    // bytes of the payload that were not read yet
	closeReason []byte // the payload of a close frame so far, unmasked; nil for other frames
}

// inspect reads bytes from the client. It returns how many of them are accepted, and
// an error if not all are: the accepted bytes end before a frame over the rate
// limit, or before the byte that makes a frame invalid.
func (f *frameInspector) inspect(p []byte, now time.Time) (fine int, err error) {
	for i := 0; i < len(p); {
		if f.payloadLeft > 0 {
			n := min(f.payloadLeft, len(p)-i)
			if f.closeReason != nil && !f.readReason(p[i:i+n]) {
				return i + n - 1, InvalidUTF8
			}
			f.payloadLeft -= n
			i += n
			continue
		}
		if f.headerRead == 0 && !f.limiter.AllowN(now, 1) {
			return i, errRateLimit
		}
		if !f.readHeader(p[i]) {
			return i, ProtocolError
		}
		i++
	}
	return len(p), nil
}

// The parts of a frame's header.
const (
	minHeader  = 2    // bytes of a header without the optional parts
	finBit     = 0x80 // in the first byte
	rsv1Bit    = 0x40 // in the first byte: the message is compressed (RFC 7692)
	rsvBits    = 0x70 // in the first byte
	opcodeBits = 0x0f // in the first byte
	controlBit = 0x08 // in the first byte: a control frame
	maskKey    = 4    // bytes of the masking key, if maskBit is set
	maskBit    = 0x80 // in the second byte
	lengthBits = 0x7f // in the second byte: the length, or one of the next two
	length16   = 126  // two bytes of length follow
	length64   = 127  // eight bytes of length follow
	topBit     = 0x80 // in the first of the eight bytes; must be 0
)

// readHeader reads one byte of a header. It returns false when the byte makes the
// frame invalid.
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

// maxControl is the maximum payload of a control frame in bytes.
const maxControl = 125

func (f *frameInspector) isClose() bool { return f.firstByte&opcodeBits == closeFrame&opcodeBits }

// minimalLength reports whether the length has its shortest encoding (RFC 6455
// section 5.2). It is called when all bytes of the length are read.
func (f *frameInspector) minimalLength() bool {
	if f.lengthBytes == 2 {
		return f.payloadSize >= length16
	}
	return f.payloadSize >= 1<<16
}

// readLength reads the second byte of the header. The masking key of an unmasked
// frame, which the library refuses, is zero.
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

// readReason reads bytes of a close frame's payload: a status of two bytes, then
// text. It returns false when the text is complete and not UTF-8.
func (f *frameInspector) readReason(p []byte) bool {
	for _, b := range p {
		f.closeReason = append(f.closeReason, b^f.maskingKey[len(f.closeReason)%maskKey])
	}
	const status = 2
	return len(f.closeReason) < f.payloadSize || len(f.closeReason) <= status || utf8.Valid(f.closeReason[status:])
}
