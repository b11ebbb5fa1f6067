package websocket

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"math"
	"strings"
	"sync"
)

// maxPacked bounds a compressed message as it comes over the wire, in bytes, all
// its fragments together.
const maxPacked = 8 << 10

// inflater replaces the compressed messages of a client (RFC 7692) by plain ones
// before the library reads them, because the library inflates without a limit. It
// keeps at most one compressed message of maxPacked bytes and inflates it once it
// is complete, up to the limit of a plain message. Everything else passes as it
// is, for the library to judge.
type inflater struct {
	most    int64      // bytes of an inflated message
	packed  int        // bytes of a compressed message
	readers *sync.Pool // of io.ReadCloser that are flate.Resetter
	ready   []byte     // what the library may read

	head  []byte // the header of the current frame, as far as it has come
	left  int    // bytes of its payload still to come
	open  byte   // the opcode of the compressed message that is being collected; 0: none
	keep  bool   // the current frame belongs to that message
	last  bool   // and ends it
	key   [maskKey]byte
	at    int    // position in the current payload, for the key
	whole []byte // the compressed message so far
}

func newInflaters() *sync.Pool {
	return &sync.Pool{New: func() any { return flate.NewReader(strings.NewReader("")) }}
}

// take reads what is ready into p.
func (f *inflater) take(p []byte) int {
	n := copy(p, f.ready)
	f.ready = f.ready[n:]
	if len(f.ready) == 0 {
		f.ready = nil
	}
	return n
}

// feed takes bytes that came. The error says why the session must end once what
// is ready has been read.
func (f *inflater) feed(p []byte) error {
	for len(p) > 0 {
		if f.left == 0 {
			f.head = append(f.head, p[0])
			p = p[1:]
			if err := f.begin(); err != nil {
				return err
			}
			continue
		}
		n := min(f.left, len(p))
		if err := f.payload(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// begin decides about a frame once its header is complete.
func (f *inflater) begin() error {
	size, complete := sizeOf(f.head)
	if !complete {
		return nil
	}
	head := f.head
	f.head, f.left, f.keep, f.at = f.head[:0], size, false, 0
	if !f.classify(head) {
		return errBadFrame
	}
	if !f.keep {
		f.ready = append(f.ready, head...)
		return nil
	}
	if size > f.packed-len(f.whole) {
		return errTooLarge
	}
	f.key, f.last = [maskKey]byte(head[len(head)-maskKey:]), head[0]&finBit != 0
	return f.ended()
}

// classify decides whether the frame belongs to a compressed message. It returns
// false for a frame that is broken.
func (f *inflater) classify(head []byte) bool {
	opcode, rsv := head[0]&opcodeBits, head[0]&rsvBits
	compressed := rsv&rsv1Bit != 0
	switch {
	case opcode&controlBit != 0, head[1]&maskBit == 0:
		return !compressed
	case f.open != 0:
		f.keep = true
		return opcode == 0 && rsv == 0 // else it is a message within this one
	case opcode != 0 && rsv == rsv1Bit:
		f.open, f.keep, f.whole = opcode, true, nil
		return true
	default:
		return !compressed // only the first frame of a message says that it is compressed
	}
}

// sizeOf reads the payload's length from a header; complete is false while more of
// it must come. A length that does not fit is negative.
func sizeOf(head []byte) (size int, complete bool) {
	if len(head) < plainHeader {
		return 0, false
	}
	want, length := plainHeader, int(head[1]&lengthBits)
	switch length {
	case longLength:
		want += 2
	case hugeLength:
		want += 8
	}
	at := want
	if head[1]&maskBit != 0 {
		want += maskKey
	}
	if len(head) < want {
		return 0, false
	}
	switch length {
	case longLength:
		length = int(binary.BigEndian.Uint16(head[at-2:]))
	case hugeLength:
		length = int(min(binary.BigEndian.Uint64(head[at-8:]), math.MaxInt))
	}
	return length, true
}

func (f *inflater) payload(p []byte) error {
	f.left -= len(p)
	if !f.keep {
		f.ready = append(f.ready, p...)
		return nil
	}
	for _, b := range p {
		f.whole = append(f.whole, b^f.key[f.at%maskKey])
		f.at++
	}
	return f.ended()
}

// ended makes a plain message of the compressed one, if that is complete.
func (f *inflater) ended() error {
	if f.left > 0 || !f.last {
		return nil
	}
	text, err := f.inflate()
	if err != nil {
		return errBadFrame
	}
	if int64(len(text)) > f.most {
		return errTooLarge
	}
	f.ready = appendFrame(f.ready, f.open, text)
	f.open, f.whole, f.last = 0, nil, false
	return nil
}

// inflate returns the message, or its first bytes when it is over the limit.
func (f *inflater) inflate() ([]byte, error) {
	const tail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff" // an empty block that senders cut off, and a last one
	r := f.readers.Get().(io.ReadCloser)
	defer f.readers.Put(r)
	if err := r.(flate.Resetter).Reset(io.MultiReader(bytes.NewReader(f.whole), strings.NewReader(tail)), nil); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, f.most+1))
}

// appendFrame appends a client's whole message, with a mask that changes nothing.
func appendFrame(b []byte, opcode byte, payload []byte) []byte {
	b = append(b, finBit|opcode)
	switch n := len(payload); {
	case n < longLength:
		b = append(b, maskBit|byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, maskBit|longLength), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, maskBit|hugeLength), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}
