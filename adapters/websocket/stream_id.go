package websocket

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/huleedu/edge/domain"
)

// streamID is a position in a user's log, small enough for every session to
// remember one. Marks are compared for being the same and never for their
// order, which a Redis that lost its data does not keep. The zero mark is none:
// no entry has it.
type streamID struct{ ms, seq uint64 }

// streamIDOf finds the position that ends the frame of a kept notification, as
// domain.WithID writes it. Any other frame has none.
func streamIDOf(frame []byte) streamID {
	rest, ok := bytes.CutSuffix(frame, []byte(`"}`))
	if !ok {
		return streamID{}
	}
	const longest = len(`,"id":"18446744073709551615-18446744073709551615`)
	if len(rest) > longest {
		rest = rest[len(rest)-longest:]
	}
	_, id, ok := bytes.Cut(rest, []byte(`,"id":"`))
	if !ok {
		return streamID{}
	}
	return parseStreamID(domain.Position(id))
}

// parseStreamID reads a position; anything but "<ms>-<seq>" has no mark, and "0-0" the
// zero one.
func parseStreamID(p domain.Position) streamID {
	left, right, ok := strings.Cut(string(p), "-")
	if !ok || !isCanonical(left) || !isCanonical(right) {
		return streamID{}
	}
	ms, errMs := strconv.ParseUint(left, 10, 64)
	seq, errSeq := strconv.ParseUint(right, 10, 64)
	if errMs != nil || errSeq != nil {
		return streamID{}
	}
	return streamID{ms, seq}
}

// isCanonical tells the one spelling of a number from others that would read the
// same.
func isCanonical(s string) bool { return s != "" && s[0] != '+' && (s[0] != '0' || s == "0") }

// position spells the mark; empty for none.
func (m streamID) position() domain.Position {
	if m == (streamID{}) {
		return ""
	}
	return domain.Position(strconv.FormatUint(m.ms, 10) + "-" + strconv.FormatUint(m.seq, 10))
}
