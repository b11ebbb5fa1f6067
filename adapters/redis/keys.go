package redis

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/huleedu/edge/domain"
)

const (
	// controlPrefix is the prefix of the names that do not belong to a user.
	controlPrefix = "wsctl:"
	// slotPrefix is the prefix of a channel without publishers, to which a shard subscribes
	// first: the channel's cluster slot selects the server of the connection.
	slotPrefix = controlPrefix + "place:"
	// hashedEventPrefix is the prefix of the event part of a key that contains the hash of
	// the event id.
	hashedEventPrefix = "sha256:"
	// maxPlainEvent is the maximum length in bytes of an event id that is not hashed.
	maxPlainEvent = 128
)

// ChannelPrefix is the prefix of the users' channels.
type ChannelPrefix string

// channel returns the name of the user's channel.
func (p ChannelPrefix) channel(user domain.UserID) string { return string(p) + string(user) }

// user returns the user of a channel.
func (p ChannelPrefix) user(channel string) domain.UserID {
	return domain.UserID(strings.TrimPrefix(channel, string(p)))
}

// logKey returns the key of the stream with the user's notifications.
func logKey(user domain.UserID) string { return "wslog:{" + string(user) + "}" }

// quotaKey returns the key of the sorted set with the user's leases.
func quotaKey(user domain.UserID) string { return "wsquota:{" + string(user) + "}" }

// controlUser is the test user of Notifier.Control: its channel has the users'
// prefix, which Redis's access rules allow, and no subscriber, because no user id
// begins with a closing brace.
const controlUser domain.UserID = "}control"

// controlLogKey returns the key of a stream in the user's slot. It differs from the
// key of every user's log, which ends with a brace.
func controlLogKey(user domain.UserID) string { return logKey(user) + ":control" }

// controlSeenKey returns the key of a mark in the user's slot. It differs from the key
// of every event's mark, whose event part has no brace.
func controlSeenKey(user domain.UserID, event string) string {
	return "wsseen:{" + string(user) + "}:}control:" + event
}

// seenKey returns the key that marks an event as stored for the user. The producer
// chooses the event id. A long id, or one with a brace that could make the key equal to
// another user's, is replaced by its hash.
func seenKey(user domain.UserID, event string) string {
	if len(event) > maxPlainEvent || strings.Contains(event, "}") || strings.HasPrefix(event, hashedEventPrefix) {
		sum := sha256.Sum256([]byte(event))
		event = hashedEventPrefix + hex.EncodeToString(sum[:])
	}
	return "wsseen:{" + string(user) + "}:" + event
}
