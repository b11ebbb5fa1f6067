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

// maskedFrame is a frame as a client has to send it.
func maskedFrame(first byte, payload []byte) []byte { return encodeFrame(first, payload, true, 0) }

// encodeFrame is a frame; its length is told in more bytes than needed if so asked.
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

// frame is something that a client might send, three times in four something
// that it may.
func (a *fuzzClient) frame() []byte {
	if !a.chance(4) {
		return a.validFrame()
	}
	switch a.rand.IntN(11) {
	case 0: // lies about its length
		return append([]byte{final | opBinary, 0xff}, a.bytes(12)...)
	case 1:
		return encodeFrame(final|pick[byte](a, opText, opBinary, opPing), []byte(a.text()), false, 0)
	case 2: // reserved kinds and bits
		return maskedFrame(a.bytes(1)[0], a.bytes(a.rand.IntN(130)))
	case 3: // a control frame that is too long, or in pieces
		return encodeFrame(pick[byte](a, final|opPing, final|opPong, final|opClose, opPing), a.bytes(126+a.rand.IntN(200)), true, 0)
	case 4:
		return maskedFrame(final|opText, a.bytes(1+a.rand.IntN(300)))
	case 5: // goes on with nothing, or begins twice
		return pick(a, maskedFrame(final, []byte("on")), append(maskedFrame(opText, nil), maskedFrame(opText, nil)...))
	case 6: // over the limit
		return maskedFrame(final|opBinary, make([]byte, 65_537+a.rand.IntN(9000)))
	case 7: // says that it is deflated
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

// validFrame is a frame that ends nobody's session, unless the frame is deflated and
// the node does not deflate.
func (a *fuzzClient) validFrame() []byte {
	switch a.rand.IntN(8) {
	case 0:
		return maskedFrame(final|opBinary, a.bytes(a.rand.IntN(1+2<<a.rand.IntN(12))))
	case 1:
		return maskedFrame(pick[byte](a, final|opPing, final|opPong), a.bytes(a.rand.IntN(126)))
	case 2: // in pieces, with a ping between
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

// text is a text that the service might read something into.
func (a *fuzzClient) text() string { return pick(a, a.texts...) }

// deflated is a message as permessage-deflate has it.
func deflated(text []byte) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is a good one
	}
	_, _ = w.Write(text)
	_ = w.Flush()
	return bytes.TrimSuffix(out.Bytes(), []byte{0, 0, 0xff, 0xff})
}
