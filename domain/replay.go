package domain

import (
	"strconv"
	"strings"
	"time"
)

// Position is a position in a user's notification log: "<ms>-<seq>", PositionStart or
// PositionLive.
type Position string

const (
	// PositionStart is the position before the first entry, and the position of an empty log.
	PositionStart Position = "0-0"
	// PositionLive is the position of a client that wants only new messages and no replay.
	PositionLive Position = "$"
)

// ParsePosition accepts "0", "0-0", "$" and "<ms>-<seq>" with decimal numbers
// of 64 bits; "0" becomes PositionStart. It returns a VALIDATION_ERROR.
func ParsePosition(s string) (Position, error) {
	if s == "0" {
		return PositionStart, nil
	}
	ms, seq, ok := strings.Cut(s, "-")
	if s == string(PositionLive) || ok && isNumber(ms) && isNumber(seq) {
		return Position(s), nil
	}
	return "", Invalid("last_event_id", s, "0, $ or <ms>-<seq>", "Invalid last_event_id")
}

func isNumber(s string) bool {
	if len(s) > 1 && s[0] == '0' {
		return false
	}
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil
}

// Replay is the part of a user's log after a position.
type Replay struct {
	// Complete reports that the position was still in the log, so that no entry is
	// missing between it and the first entry.
	Complete bool
	// Oldest is the oldest entry of the log; empty for an empty log.
	Oldest Position
	// Preceding contains the position and some entries before it, in any order, if the
	// position is in the log. A live subscription that lags may still deliver them.
	Preceding []Position
	// Entries are the entries after the position, or all entries if the position was
	// trimmed, oldest first.
	Entries []LogEntry
	// More reports that the log has entries after the last one of Entries.
	More bool
}

// MissedRange is the range of notifications that one connection may have missed.
type MissedRange struct {
	// After is the position of the last notification sent to the connection, or the
	// log's position when it connected; empty if neither is known.
	After Position
	// Since is the earliest time at which a message may be lost; zero if unknown.
	Since time.Time
}

// LogEntry is an entry of a user's log.
type LogEntry struct {
	ID Position
	// Frame is the client's text frame, with its "id".
	Frame []byte
}
