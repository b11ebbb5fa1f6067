package redis

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/huleedu/edge/domain"
)

const (
	// controlPrefix begin every name that is not a user's.
	controlPrefix = "wsctl:"
	// slotPrefix begins a channel that is there for its slot alone.
	slotPrefix = controlPrefix + "place:"
	// hashedEventPrefix begins the event part of a mark whose event id cannot stand
	// there itself.
	hashedEventPrefix = "sha256:"
	// maxPlainEvent bounds, in bytes, an event id that stands in a mark's key.
	maxPlainEvent = 128
)

// ChannelPrefix begins the name of every user's channel.
type ChannelPrefix string

// channel is where messages for the user are published.
func (p ChannelPrefix) channel(user domain.UserID) string { return string(p) + string(user) }

// user is whose channel it is.
func (p ChannelPrefix) user(channel string) domain.UserID {
	return domain.UserID(strings.TrimPrefix(channel, string(p)))
}

// logKey names the stream that keeps a user's notifications.
func logKey(user domain.UserID) string { return "wslog:{" + string(user) + "}" }

// quotaKey names the sorted set of a user's leases.
func quotaKey(user domain.UserID) string { return "wsquota:{" + string(user) + "}" }

// controlUser is the test user of Notifier.Control: its channel has the users'
// prefix, which Redis's access rules allow, and no follower, because no user id
// begins with a closing brace.
const controlUser domain.UserID = "}control"

// controlLogKey names a stream in the user's slot that is no user's log: those end
// with a brace.
func controlLogKey(user domain.UserID) string { return logKey(user) + ":control" }

// controlSeenKey names a mark in the user's slot that is no event's: the event
// part of a mark has no brace.
func controlSeenKey(user domain.UserID, event string) string {
	return "wsseen:{" + string(user) + "}:}control:" + event
}

// seenKey names the mark of an event that was kept for the user. The event id
// is any text a producer chose: a long one would make a long key, and one with
// a brace could look like another user's key, so both stand there as a hash.
func seenKey(user domain.UserID, event string) string {
	if len(event) > maxPlainEvent || strings.Contains(event, "}") || strings.HasPrefix(event, hashedEventPrefix) {
		sum := sha256.Sum256([]byte(event))
		event = hashedEventPrefix + hex.EncodeToString(sum[:])
	}
	return "wsseen:{" + string(user) + "}:" + event
}
