package delivery

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/huleedu/edge/domain"
)

// streamID is a position in a user's log, in a form that is small enough to keep one
// per session. Positions are compared for equality only, because a Redis that lost
// its data does not keep their order. The zero value is no position: no entry has
// it.
type streamID struct{ ms, seq uint64 }

// streamIDOf returns the position at the end of a kept notification's frame, where
// domain.WithID writes it; zero for any other frame.
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

// parseStreamID parses a position. It returns zero for "0-0" and for anything but
// "<ms>-<seq>".
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

// isCanonical reports whether the number has no plus sign and no leading zeros.
func isCanonical(s string) bool { return s != "" && s[0] != '+' && (s[0] != '0' || s == "0") }

// position formats the position; empty for none.
func (m streamID) position() domain.Position {
	if m == (streamID{}) {
		return ""
	}
	return domain.Position(strconv.FormatUint(m.ms, 10) + "-" + strconv.FormatUint(m.seq, 10))
}
