package e2e_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
)

// The first byte of a frame.
const (
	final      = 0x80
	compressed = 0x40
	opText     = 0x1
	opBinary   = 0x2
	opClose    = 0x8
	opPing     = 0x9
	opPong     = 0xa
)

// maskedFrame returns a frame as clients send it.
func maskedFrame(first byte, payload []byte) []byte { return encodeFrame(first, payload, true, 0) }

// encodeFrame returns a frame. wide is the number of bytes of its length, 0 for the shortest form.
func encodeFrame(first byte, payload []byte, mask bool, wide int) []byte {
	var bit byte
	if mask {
		bit = 0x80
	}
	out := []byte{first}
	switch n := len(payload); {
	case wide == 8 || n > 0xffff:
		out = binary.BigEndian.AppendUint64(append(out, bit|127), uint64(n))
	case wide == 2 || n > 125:
		out = binary.BigEndian.AppendUint16(append(out, bit|126), uint16(n))
	default:
		out = append(out, bit|byte(n))
	}
	if !mask {
		return append(out, payload...)
	}
	key := [4]byte{1, 2, 3, 4}
	out = append(out, key[:]...)
	for i, b := range payload {
		out = append(out, b^key[i%len(key)])
	}
	return out
}

// frame returns a random frame; three of four are valid.
func (a *fuzzClient) frame() []byte {
	if !a.chance(4) {
		return a.validFrame()
	}
	switch a.rand.IntN(11) {
	case 0: // a wrong length
		return append([]byte{final | opBinary, 0xff}, a.bytes(12)...)
	case 1:
		return encodeFrame(final|pick[byte](a, opText, opBinary, opPing), []byte(a.text()), false, 0)
	case 2: // reserved opcodes and bits
		return maskedFrame(a.bytes(1)[0], a.bytes(a.rand.IntN(130)))
	case 3: // a control frame that is too long or fragmented
		return encodeFrame(pick[byte](a, final|opPing, final|opPong, final|opClose, opPing), a.bytes(126+a.rand.IntN(200)), true, 0)
	case 4:
		return maskedFrame(final|opText, a.bytes(1+a.rand.IntN(300)))
	case 5: // a continuation without a start, or two starts
		return pick(a, maskedFrame(final, []byte("on")), append(maskedFrame(opText, nil), maskedFrame(opText, nil)...))
	case 6: // over the limit
		return maskedFrame(final|opBinary, make([]byte, 65_537+a.rand.IntN(9000)))
	case 7: // marked as compressed
		return maskedFrame(final|compressed|opText, a.bytes(a.rand.IntN(300)))
	case 8:
		return maskedFrame(final|opClose, pick(a, a.bytes(1), a.bytes(2), a.bytes(60), []byte{0x03, 0xed}, []byte{0x0f, 0xa0, 0xff}))
	case 9:
		return a.bytes(1 + a.rand.IntN(200))
	default:
		raw := a.validFrame()
		raw[a.rand.IntN(len(raw))] ^= 1 << a.rand.IntN(8)
		return raw
	}
}

// validFrame returns a frame that does not end a session, unless it is compressed and the node does not
// support compression.
func (a *fuzzClient) validFrame() []byte {
	switch a.rand.IntN(8) {
	case 0:
		return maskedFrame(final|opBinary, a.bytes(a.rand.IntN(1+2<<a.rand.IntN(12))))
	case 1:
		return maskedFrame(pick[byte](a, final|opPing, final|opPong), a.bytes(a.rand.IntN(126)))
	case 2: // fragments with a ping between them
		word := []byte(a.text())
		half := len(word) / 2
		out := append(maskedFrame(opText, word[:half]), maskedFrame(final|opPing, nil)...)
		return append(append(out, maskedFrame(0, nil)...), maskedFrame(final, word[half:])...)
	case 3:
		return encodeFrame(final|opText, []byte(a.text()), true, pick(a, 0, 2, 8))
	case 4:
		if a.chance(4) {
			return maskedFrame(final|compressed|opText, deflated([]byte(a.text())))
		}
		fallthrough
	default:
		return maskedFrame(final|opText, []byte(a.text()))
	}
}

// text returns a text that resembles a message of the protocol.
func (a *fuzzClient) text() string { return pick(a, a.texts...) }

// deflated returns a message as permessage-deflate compresses it.
func deflated(text []byte) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		panic(err) // cannot happen: the level is valid
	}
	_, _ = w.Write(text)
	_ = w.Flush()
	return bytes.TrimSuffix(out.Bytes(), []byte{0, 0, 0xff, 0xff})
}
