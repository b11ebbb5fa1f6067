// Package reply classifies the errors that Redis, or a proxy in front of it, replies with, and
// removes private parts from their texts.
package reply

import (
	"errors"
	"slices"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

// ErrUnexpectedResult is the error of a script whose result has another form. It counts as a
// reply.
var ErrUnexpectedResult = errors.New("the script returned a result of another form")

// temporaryPrefixes returns the first words of error replies whose cause ends by itself or
// after a change by an operator. A reply that has none of them is reported as unknown, not as
// final.
func temporaryPrefixes() []string {
	return []string{
		"LOADING", "BUSY", "READONLY", "OOM", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN",
		"NOREPLICAS", "MISCONF", "MOVED", "ASK", "NOAUTH", "WRONGPASS", "NOPERM",
		"NOSCRIPT", "UNKILLABLE", "EXECABORT", "DENIED",
		"ERR max number of clients", "ERR The user executing the script",
	}
}

// finalPrefixes returns the first words of error replies that a repetition of the same command
// gets again.
func finalPrefixes() []string { return []string{"WRONGTYPE", "CROSSSLOT"} }

// IsTemporary reports whether the cause of an error reply ends by itself or after a change by
// an operator.
func IsTemporary(err error) bool { return hasPrefix(err.Error(), temporaryPrefixes()) }

// IsFinal reports whether a repetition of the same command gets the same error reply.
func IsFinal(err error) bool { return hasPrefix(err.Error(), finalPrefixes()) }

// Is reports whether the error is a reply of the server: an error reply, nil, or bytes
// that the library cannot parse as a reply to the command.
func Is(err error) bool {
	var reply goredis.Error
	if errors.As(err, &reply) || errors.Is(err, ErrUnexpectedResult) {
		return true
	}
	for _, words := range []string{"redis: can't parse", "redis: invalid reply", "redis: got ", "redis: unexpected"} {
		if strings.Contains(err.Error(), words) {
			return true
		}
	}
	return false
}

// Outage returns the error, redacted, if Redis does not answer or an answer shows that it
// cannot work at all. It returns nil for every other answer, and for a client that is closed.
func Outage(err error) error {
	if err == nil || errors.Is(err, goredis.ErrClosed) || Is(err) && !hasPrefix(err.Error(), outagePrefixes()) {
		return nil
	}
	return Redacted(err)
}

// outagePrefixes returns the first words of error replies by which Redis refuses all commands
// or all writes.
func outagePrefixes() []string {
	refusals := []string{"NOSCRIPT", "UNKILLABLE", "EXECABORT", "MOVED", "ASK", "TRYAGAIN", "NOREPLICAS", "BUSY", "ERR The user executing the script", "NOPERM"}
	return slices.DeleteFunc(temporaryPrefixes(), func(prefix string) bool { return slices.Contains(refusals, prefix) })
}

// hasPrefix reports whether the reply begins with one of the words. In the error of
// a script it also looks after a dash or a colon, where older servers put the cause.
func hasPrefix(message string, words []string) bool {
	const script = "ERR Error running script"
	for _, word := range words {
		if strings.HasPrefix(message, word) {
			return true
		}
		if strings.HasPrefix(message, script) && (strings.Contains(message, "-"+word+" ") || strings.Contains(message, ": "+word+" ")) {
			return true
		}
	}
	return false
}
