package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/huleedu/edge/domain"
)

// notificationRequest is a validated request of the platform to notify a user.
type notificationRequest struct {
	user    domain.UserID
	event   string
	payload []jsonMember
	// reserved are the envelope's members of the frame, in their order.
	reserved []jsonMember
}

// jsonMember is a member of a JSON object, its value byte for byte.
type jsonMember struct {
	key   string
	value json.RawMessage
}

// null is the JSON value that a frame has for an optional field without a value.
const null = "null"

// parseNotificationRequest parses and validates an event's data. now replaces a missing
// timestamp. It returns a PARSING_ERROR or VALIDATION_ERROR.
func parseNotificationRequest(data json.RawMessage, now time.Time) (*notificationRequest, error) {
	if !utf8.Valid(data) {
		return nil, invalidField("data", "valid UTF-8")
	}
	var in map[string]json.RawMessage
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, domain.ParseFailure("notification", err)
	}
	teacher, kind := domain.StringValue(in["teacher_id"]), domain.StringValue(in["notification_type"])
	user, err := domain.ParseUserID(teacher)
	switch {
	case domain.LoneSurrogate(in["teacher_id"]) >= 0: // decoding replaces the surrogate, so that it would identify another user
		return nil, invalidField("teacher_id", "a user id")
	case err != nil:
		return nil, invalidField("teacher_id", "a user id").WithCause(err)
	case strings.TrimSpace(kind) == "":
		return nil, invalidField("notification_type", "a notification type")
	}
	payload, err := parseMembers(in["payload"])
	if err != nil {
		return nil, invalidField("payload", "an object").WithCause(err)
	}
	reserved, err := reservedMembers(in, now)
	if err != nil {
		return nil, err
	}
	return &notificationRequest{user: user, event: kind, payload: payload, reserved: reserved}, nil
}

// reservedMembers returns the reserved members of the frame from the event, each
// validated by its rule. A missing member is null or has its default.
func reservedMembers(in map[string]json.RawMessage, now time.Time) ([]jsonMember, error) {
	fields := []struct {
		key, from, missing string
		rule               func(json.RawMessage) bool
		expected           string
		zoned              bool
	}{
		{"category", "category", "", isOneOf(domain.Categories()), strings.Join(domain.Categories(), ", "), false},
		{"priority", "priority", "", isOneOf(domain.Priorities()), strings.Join(domain.Priorities(), ", "), false},
		{"action_required", "action_required", "false", isBool, "a boolean", false},
		{"deadline", "deadline_timestamp", null, isTime, "a time or null", true},
		{"batch_id", "batch_id", null, isOptionalString, "a string or null", false},
		{"class_id", "class_id", null, isOptionalString, "a string or null", false},
		{"correlation_id", "correlation_id", null, isOptionalString, "a string or null", false},
		{"timestamp", "timestamp", formatTime(now), isTime, "a time", true},
	}
	out := make([]jsonMember, 0, len(fields))
	for _, f := range fields {
		value := in[f.from]
		if isNull(value) && f.missing != "" {
			value = json.RawMessage(f.missing)
		}
		if !f.rule(value) {
			return nil, invalidField(f.from, f.expected)
		}
		if f.zoned {
			value = withUTCOffset(value)
		}
		out = append(out, jsonMember{f.key, value})
	}
	return out, nil
}

// frame returns the client's JSON object without the id that the log assigns: the
// members of the payload, then the reserved ones. A reserved value replaces a payload
// member of the same name, but a null does not.
func (r *notificationRequest) frame() []byte {
	own := map[string]json.RawMessage{}
	for _, m := range r.payload {
		own[m.key] = m.value
	}
	var b bytes.Buffer
	b.WriteString(`{"event":`)
	b.Write(quote(r.event))
	b.WriteString(`,"data":{`)
	for _, m := range r.payload {
		if !r.reserves(m.key) {
			writeMember(&b, m)
		}
	}
	for _, m := range r.reserved {
		if value, ok := own[m.key]; ok && isNull(m.value) {
			m.value = value
		}
		writeMember(&b, m)
	}
	b.WriteString(`}}`)
	return b.Bytes()
}

func (r *notificationRequest) reserves(key string) bool {
	return slices.ContainsFunc(r.reserved, func(m jsonMember) bool { return m.key == key })
}

func writeMember(b *bytes.Buffer, m jsonMember) {
	if last := b.Bytes()[b.Len()-1]; last != '{' {
		b.WriteByte(',')
	}
	b.Write(quote(m.key))
	b.WriteByte(':')
	b.Write(m.value)
}

// quote encodes a JSON string without HTML escapes.
func quote(s string) []byte {
	text, _ := domain.EncodeJSON(s) // a string always encodes
	return text
}

var errNoObject = errors.New("not a JSON object")

// parseMembers returns the members of a JSON object in their order, the values byte
// for byte. raw must be valid JSON.
func parseMembers(raw json.RawMessage) ([]jsonMember, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errNoObject
	}
	var out []jsonMember
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("decode a member name: %w", err)
		}
		m := jsonMember{}
		m.key, _ = key.(string)
		if err := d.Decode(&m.value); err != nil {
			return nil, fmt.Errorf("decode a member value: %w", err)
		}
		out = append(out, m)
	}
	return out, nil
}

func invalidField(field, expected string) *domain.Error {
	return domain.Invalid(field, "", expected, "Invalid notification: "+field)
}
