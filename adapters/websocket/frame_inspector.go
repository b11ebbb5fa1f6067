package websocket

import (
	"time"
	"unicode/utf8"

	"golang.org/x/time/rate"

	"github.com/huleedu/edge/adapters/internal/closecode"
)

// frameInspector parses the frames that a client sends. It counts them, data, control
// and each fragment, because an endless message costs as much as many messages. It
// finds the invalid frames that the library accepts, or answers with another status
// than the RFC requires. The library checks the rest.
type frameInspector struct {
	limiter     *rate.Limiter
	header      frameHeader
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
				return i + n - 1, closecode.InvalidUTF8
			}
			f.payloadLeft -= n
			i += n
			continue
		}
		if f.header.next() && !f.limiter.AllowN(now, 1) {
			return i, rateLimited()
		}
		complete := f.header.add(p[i])
		if !f.header.valid() {
			return i, closecode.ProtocolError
		}
		if complete {
			f.beginPayload()
		}
		i++
	}
	return len(p), nil
}

// maxControl is the maximum payload of a control frame in bytes.
const maxControl = 125

// beginPayload starts the payload behind a complete header.
func (f *frameInspector) beginPayload() {
	f.payloadLeft, f.closeReason = f.header.payloadSize(), nil
	if f.header.isClose() && f.payloadLeft <= maxControl {
		f.closeReason = make([]byte, 0, f.payloadLeft)
	}
}

// readReason reads bytes of a close frame's payload: a status of two bytes, then
// text. It returns false when the text is complete and not UTF-8.
func (f *frameInspector) readReason(p []byte) bool {
	key := f.header.maskingKey()
	for _, b := range p {
		f.closeReason = append(f.closeReason, b^key[len(f.closeReason)%maskKey])
	}
	const status = 2
	return len(f.closeReason) < f.header.payloadSize() || len(f.closeReason) <= status || utf8.Valid(f.closeReason[status:])
}
