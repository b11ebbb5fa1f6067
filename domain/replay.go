package domain

import (
	"strconv"
	"strings"
	"time"
)

// Position is a place in a user's log of notifications: "<ms>-<seq>", or one
// of the two words below.
type Position string

// Start is the position before everything; it is also that of an empty log.
// Live asks for nothing that is past.
const (
	Start Position = "0-0"
	Live  Position = "$"
)

// ParsePosition accepts "0", "0-0", "$" and "<ms>-<seq>" with decimal numbers
// of 64 bits; "0" becomes Start. It returns a VALIDATION_ERROR.
func ParsePosition(s string) (Position, error) {
	if s == "0" {
		return Start, nil
	}
	ms, seq, ok := strings.Cut(s, "-")
	if s == string(Live) || ok && isNumber(ms) && isNumber(seq) {
		return Position(s), nil
	}
	return "", Invalid("last_event_id", s, "0, $ or <ms>-<seq>", "Invalid last_event_id")
}

func isNumber(s string) bool {
	if s == "" || strings.HasPrefix(s, "+") || len(s) > 1 && s[0] == '0' {
		return false
	}
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil
}

// Replay is what a user's log holds behind a position.
type Replay struct {
	// Complete says that the position was still in the log, so nothing is
	// missing between it and the first entry.
	Complete bool
	// Oldest is the first entry that is kept; empty when none is.
	Oldest Position
	// Passed are the position and some entries before it, in any order, while it
	// is in the log: a live source that lags may still bring them.
	Passed []Position
	// Entries are what follows the position, or what is kept when the position
	// is gone, oldest first.
	Entries []Kept
	// More says that the log holds more behind the last entry.
	More bool
}

// Resumption is how a client that comes back goes on.
type Resumption struct {
	// Frame is what the client is told first; nil when there is nothing to tell.
	Frame []byte
	// At is where the client stands before the first entry; empty when that is
	// not known.
	At     Position
	Replay Replay
}

// Hole is what one connection may have missed.
type Hole struct {
	// After is the last kept notification that it was given, or the log's position
	// when it connected; empty when neither is known.
	After Position
	// Since is when it may have begun to miss something, rather early than late;
	// zero when that is not known.
	Since time.Time
}

// Kept is one notification of a user's log.
type Kept struct {
	ID Position
	// Frame is complete: the client's text frame with its "id".
	Frame []byte
}
