package websocket

import (
	"encoding/binary"
	"math"
)

// RFC 6455 section 5.2 defines these parts of a frame's header.
const (
	minHeader  = 2    // minHeader is the size in bytes of a header without the optional parts.
	maxHeader  = 14   // maxHeader is the size in bytes of a header with all parts.
	finBit     = 0x80 // finBit is the bit of the first byte that marks the last frame of a message.
	rsv1Bit    = 0x40 // rsv1Bit is the bit of the first byte that marks a compressed message (RFC 7692).
	rsvBits    = 0x70 // rsvBits are the bits of the first byte that extensions define.
	opcodeBits = 0x0f // opcodeBits are the bits of the first byte with the type of the frame.
	controlBit = 0x08 // controlBit is the bit of the first byte that marks a control frame.
	maskKey    = 4    // maskKey is the size in bytes of the masking key, which follows if maskBit is set.
	maskBit    = 0x80 // maskBit is the bit of the second byte that marks a masked payload.
	lengthBits = 0x7f // lengthBits are the bits of the second byte with the length, length16 or length64.
	length16   = 126  // length16 is the value of lengthBits with which two bytes of length follow.
	length64   = 127  // length64 is the value of lengthBits with which eight bytes of length follow.
	topBit     = 0x80 // topBit is the bit of the first of eight bytes of length that must be 0.
)

// frameHeader is the header of a client's frame (RFC 6455 section 5.2) as far as it
// was read.
type frameHeader struct {
	bytes [maxHeader]byte
	read  int8
}

// add reads one byte and reports whether the header is complete. The byte after a
// complete header begins the next one.
func (h *frameHeader) add(b byte) (complete bool) {
	if h.next() {
		*h = frameHeader{}
	}
	h.bytes[h.read] = b
	h.read++
	return h.complete()
}

// next reports whether the next byte begins a header.
func (h *frameHeader) next() bool { return h.read == 0 || h.complete() }

func (h *frameHeader) complete() bool { return int(h.read) >= minHeader && int(h.read) == h.size() }

// size returns the size of the whole header. It needs the first two bytes, like all
// methods below.
func (h *frameHeader) size() int {
	size := minHeader + h.lengthBytes()
	if h.bytes[1]&maskBit != 0 {
		size += maskKey
	}
	return size
}

// lengthBytes returns how many bytes extend the payload's length.
func (h *frameHeader) lengthBytes() int {
	switch h.bytes[1] & lengthBits {
	case length16:
		return 2
	case length64:
		return 8
	default:
		return 0
	}
}

// payloadSize returns the length of the payload, and the largest int for a length that
// does not fit. It needs the bytes of the length.
func (h *frameHeader) payloadSize() int {
	switch extended := h.bytes[minHeader:]; h.lengthBytes() {
	case 2:
		return int(binary.BigEndian.Uint16(extended))
	case 8:
		return int(min(binary.BigEndian.Uint64(extended), math.MaxInt))
	default:
		return int(h.bytes[1] & lengthBits)
	}
}

// maskingKey returns the masking key of a complete header, zero for an unmasked frame,
// which the library refuses.
func (h *frameHeader) maskingKey() (key [maskKey]byte) {
	copy(key[:], h.bytes[minHeader+h.lengthBytes():h.size()])
	return key
}

// valid reports whether the byte that was read last is valid where the library does
// not check it: no close frame with half a status, the shortest encoding of a length.
func (h *frameHeader) valid() bool {
	const status = 2 // bytes
	extended := h.lengthBytes()
	switch {
	case h.read == minHeader:
		return !h.isClose() || h.bytes[1]&lengthBits != status/2
	case extended == 8 && h.read == minHeader+1:
		return h.bytes[minHeader]&topBit == 0
	case extended == 2 && h.read == minHeader+2:
		return h.payloadSize() >= length16
	case extended == 8 && h.read == minHeader+8:
		return h.payloadSize() > math.MaxUint16
	default:
		return true
	}
}

func (h *frameHeader) isClose() bool { return h.bytes[0]&opcodeBits == closeFrame&opcodeBits }
