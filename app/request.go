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

// request is a notification that the platform asks for, after every rule of
// its fields was checked.
type request struct {
	teacher domain.UserID
	kind    string
	payload []member
	// reserved are the envelope's own keys of the frame, in their order.
	reserved []member
}

// member is one key of a JSON object, its value byte for byte.
type member struct {
	key   string
	value json.RawMessage
}

const null = "null"

// parseRequest reads an event's data; now stands for a missing timestamp. It
// returns a PARSING_ERROR or VALIDATION_ERROR.
func parseRequest(data json.RawMessage, now time.Time) (*request, error) {
	if !utf8.Valid(data) {
		return nil, broken("data", "valid UTF-8")
	}
	var in map[string]json.RawMessage
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, domain.Unparsable("notification", err)
	}
	teacher, kind := str(in["teacher_id"]), str(in["notification_type"])
	user, err := domain.ParseUserID(teacher)
	switch {
	case domain.LoneSurrogate(in["teacher_id"]) >= 0: // decoding replaces it, so it would name another user
		return nil, broken("teacher_id", "a user id")
	case err != nil:
		return nil, broken("teacher_id", "a user id").Because(err)
	case strings.TrimSpace(kind) == "":
		return nil, broken("notification_type", "a notification type")
	}
	payload, err := members(in["payload"])
	if err != nil {
		return nil, broken("payload", "an object").Because(err)
	}
	reserved, err := reservedMembers(in, now)
	if err != nil {
		return nil, err
	}
	return &request{teacher: user, kind: kind, payload: payload, reserved: reserved}, nil
}

// reservedMembers takes the frame's own keys from the event, each checked by
// its rule; an absent one is null.
func reservedMembers(in map[string]json.RawMessage, now time.Time) ([]member, error) {
	fields := []struct {
		key, from, missing string
		rule               func(json.RawMessage) bool
		expected           string
		zoned              bool
	}{
		{"category", "category", "", oneOf(domain.Categories()), strings.Join(domain.Categories(), ", "), false},
		{"priority", "priority", "", oneOf(domain.Priorities()), strings.Join(domain.Priorities(), ", "), false},
		{"action_required", "action_required", "false", isBool, "a boolean", false},
		{"deadline", "deadline_timestamp", null, isTime, "a time or null", true},
		{"batch_id", "batch_id", null, isText, "a string or null", false},
		{"class_id", "class_id", null, isText, "a string or null", false},
		{"correlation_id", "correlation_id", null, isText, "a string or null", false},
		{"timestamp", "timestamp", stamp(now), isTime, "a time", true},
	}
	out := make([]member, 0, len(fields))
	for _, f := range fields {
		value := in[f.from]
		if isNull(value) && f.missing != "" {
			value = json.RawMessage(f.missing)
		}
		if !f.rule(value) {
			return nil, broken(f.from, f.expected)
		}
		if f.zoned {
			value = withOffset(value)
		}
		out = append(out, member{f.key, value})
	}
	return out, nil
}

// frame writes the client's JSON object, without the id that the log assigns:
// the payload's keys, then the reserved ones. A reserved value wins over a
// payload key of its name, but a null never erases one.
func (r *request) frame() []byte {
	own := map[string]json.RawMessage{}
	for _, m := range r.payload {
		own[m.key] = m.value
	}
	var b bytes.Buffer
	b.WriteString(`{"event":`)
	b.Write(quote(r.kind))
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

func (r *request) reserves(key string) bool {
	return slices.ContainsFunc(r.reserved, func(m member) bool { return m.key == key })
}

func writeMember(b *bytes.Buffer, m member) {
	if last := b.Bytes()[b.Len()-1]; last != '{' {
		b.WriteByte(',')
	}
	b.Write(quote(m.key))
	b.WriteByte(':')
	b.Write(m.value)
}

// quote writes a JSON string without escaping what only HTML minds.
func quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil { // a string always encodes
		return []byte(`""`)
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

var errNoObject = errors.New("not a JSON object")

// members reads an object's keys in their order and its values byte for byte.
func members(raw json.RawMessage) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errNoObject
	}
	var out []member
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("read a key: %w", err)
		}
		m := member{}
		m.key, _ = key.(string)
		if err := d.Decode(&m.value); err != nil {
			return nil, fmt.Errorf("read a value: %w", err)
		}
		out = append(out, m)
	}
	return out, nil
}

func broken(field, expected string) *domain.Error {
	return domain.Invalid(field, "", expected, "Invalid notification: "+field)
}
