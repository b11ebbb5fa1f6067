package websocket

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/huleedu/edge/domain"
)

// mark is a position in a user's log, small enough for every session to
// remember one. Marks are compared for being the same and never for their
// order, which a Redis that lost its data does not keep. The zero mark is none:
// no entry has it.
type mark struct{ ms, seq uint64 }

// markOf finds the position that ends the frame of a kept notification, as
// domain.WithID writes it. Any other frame has none.
func markOf(frame []byte) mark {
	rest, ok := bytes.CutSuffix(frame, []byte(`"}`))
	if !ok {
		return mark{}
	}
	const longest = len(`,"id":"18446744073709551615-18446744073709551615`)
	if len(rest) > longest {
		rest = rest[len(rest)-longest:]
	}
	_, id, ok := bytes.Cut(rest, []byte(`,"id":"`))
	if !ok {
		return mark{}
	}
	return markAt(domain.Position(id))
}

// markAt reads a position; anything but "<ms>-<seq>" has no mark, and "0-0" the
// zero one.
func markAt(p domain.Position) mark {
	left, right, ok := strings.Cut(string(p), "-")
	if !ok || !canonical(left) || !canonical(right) {
		return mark{}
	}
	ms, errMs := strconv.ParseUint(left, 10, 64)
	seq, errSeq := strconv.ParseUint(right, 10, 64)
	if errMs != nil || errSeq != nil {
		return mark{}
	}
	return mark{ms, seq}
}

// canonical tells the one spelling of a number from others that would read the
// same.
func canonical(s string) bool { return s != "" && s[0] != '+' && (s[0] != '0' || s == "0") }

// position spells the mark; empty for none.
func (m mark) position() domain.Position {
	if m == (mark{}) {
		return ""
	}
	return domain.Position(strconv.FormatUint(m.ms, 10) + "-" + strconv.FormatUint(m.seq, 10))
}
