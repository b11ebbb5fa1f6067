package websocket

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"math"
	"strings"
	"sync"

	"github.com/huleedu/edge/adapters/internal/closecode"
)

// maxCompressed bounds a compressed message on the wire, in bytes, all fragments
// together.
const maxCompressed = 8 << 10

// inflater replaces the compressed messages of a client (RFC 7692) by uncompressed
// ones before the library reads them, because the library inflates without a limit.
// It holds at most one compressed message of maxCompressed bytes, inflates it when
// it is complete, and stops at the size limit of a message. All other frames pass
// unchanged.
type inflater struct {
	maxInflated   int64      // bytes of an inflated message
	maxCompressed int        // bytes of a compressed message
	readers       *sync.Pool // of io.ReadCloser that are flate.Resetter
	output        []byte     // what the library reads next

	header      frameHeader
	payloadLeft int  // bytes of its payload that were not read yet
	opcode      byte // of the compressed message that is being collected; 0: none
	collecting  bool // the current frame belongs to that message
	finalFrame  bool // the current frame ends that message
	maskingKey  [maskKey]byte
	payloadPos  int    // position in the current payload, for the masking key
	compressed  []byte // the compressed message so far
}

// newInflaters returns a pool of flate readers.
func newInflaters() *sync.Pool {
	return &sync.Pool{New: func() any { return flate.NewReader(strings.NewReader("")) }}
}

// read moves output into p and returns how many bytes.
func (f *inflater) read(p []byte) int {
	n := copy(p, f.output)
	f.output = f.output[n:]
	if len(f.output) == 0 {
		f.output = nil
	}
	return n
}

// write reads bytes from the client. An error ends the session after the output was
// read.
func (f *inflater) write(p []byte) error {
	for len(p) > 0 {
		if f.payloadLeft == 0 {
			complete := f.header.add(p[0])
			p = p[1:]
			if !complete {
				continue
			}
			if err := f.beginFrame(); err != nil {
				return err
			}
			continue
		}
		n := min(f.payloadLeft, len(p))
		if err := f.addPayload(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// beginFrame starts the frame behind a complete header.
func (f *inflater) beginFrame() error {
	head := f.header.bytes[:f.header.size()]
	f.payloadLeft, f.collecting, f.payloadPos = f.header.payloadSize(), false, 0
	if !f.classify(head) {
		return closecode.ProtocolError
	}
	if !f.collecting {
		f.output = append(f.output, head...)
		return nil
	}
	if f.payloadLeft > f.maxCompressed-len(f.compressed) {
		return closecode.MessageTooBig
	}
	f.maskingKey, f.finalFrame = f.header.maskingKey(), head[0]&finBit != 0
	return f.finishMessage()
}

// classify decides whether the frame belongs to a compressed message. It returns
// false for an invalid frame.
func (f *inflater) classify(head []byte) bool {
	opcode, rsv := head[0]&opcodeBits, head[0]&rsvBits
	compressed := rsv&rsv1Bit != 0
	switch {
	case opcode&controlBit != 0, head[1]&maskBit == 0:
		return !compressed
	case f.opcode != 0:
		f.collecting = true
		return opcode == 0 && rsv == 0 // else it is a message within this one
	case opcode != 0 && rsv == rsv1Bit:
		f.opcode, f.collecting, f.compressed = opcode, true, nil
		return true
	default:
		return !compressed // only the first frame of a message says that it is compressed
	}
}

// addPayload reads bytes of the current frame's payload.
func (f *inflater) addPayload(p []byte) error {
	f.payloadLeft -= len(p)
	if !f.collecting {
		f.output = append(f.output, p...)
		return nil
	}
	for _, b := range p {
		f.compressed = append(f.compressed, b^f.maskingKey[f.payloadPos%maskKey])
		f.payloadPos++
	}
	return f.finishMessage()
}

// finishMessage appends the uncompressed message to the output when the compressed
// one is complete.
func (f *inflater) finishMessage() error {
	if f.payloadLeft > 0 || !f.finalFrame {
		return nil
	}
	text, err := f.inflate()
	if err != nil {
		return closecode.ProtocolError
	}
	if int64(len(text)) > f.maxInflated {
		return closecode.MessageTooBig
	}
	f.output = appendFrame(f.output, f.opcode, text)
	f.opcode, f.compressed, f.finalFrame = 0, nil, false
	return nil
}

// inflate returns the inflated message, cut after maxInflated + 1 bytes.
func (f *inflater) inflate() ([]byte, error) {
	const tail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff" // an empty block that senders cut off, and a last one
	r := f.readers.Get().(io.ReadCloser)
	defer f.readers.Put(r)
	if err := r.(flate.Resetter).Reset(io.MultiReader(bytes.NewReader(f.compressed), strings.NewReader(tail)), nil); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, f.maxInflated+1))
}

// appendFrame appends an unfragmented frame of a client, with a masking key of
// zeros.
func appendFrame(b []byte, opcode byte, payload []byte) []byte {
	b = append(b, finBit|opcode)
	switch n := len(payload); {
	case n < length16:
		b = append(b, maskBit|byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, maskBit|length16), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, maskBit|length64), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}
