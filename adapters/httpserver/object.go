package httpserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// object reads a JSON object member by member and notes what breaks the
// schema. Keys match exactly; unknown ones are ignored; of a key that stands
// twice the last counts.
type object struct {
	members map[string]json.RawMessage
	at      []any
	broken  *violations
}

// bodyObject reads a request's body.
func bodyObject(body []byte, broken *violations) (object, bool) {
	at := []any{"body"}
	text := bytes.TrimSpace(body)
	if len(text) == 0 || string(text) == "null" {
		broken.missing(at)
		return object{}, false
	}
	if !utf8.Valid(text) || !json.Valid(text) {
		broken.add("json_invalid", append(at, brokenAt(text)), "JSON decode error", nil)
		return object{}, false
	}
	return nested(text, at, broken)
}

// brokenAt is how many bytes of a text are good JSON.
func brokenAt(text []byte) int64 {
	var value json.RawMessage
	var syntax *json.SyntaxError
	if err := json.Unmarshal(text, &value); errors.As(err, &syntax) {
		return syntax.Offset
	}
	return 0
}

// nested reads an object inside valid JSON.
func nested(raw json.RawMessage, at []any, broken *violations) (object, bool) {
	o := object{at: at, broken: broken}
	if raw[0] != '{' || json.Unmarshal(raw, &o.members) != nil {
		broken.rule(at, "input should be a JSON object")
		return object{}, false
	}
	return o, true
}

// path is where a member stands, for schema errors.
func (o object) path(keys ...string) []any {
	out := slices.Clone(o.at)
	for _, k := range keys {
		out = append(out, shortened(k))
	}
	return out
}

// shortened bounds what an error repeats of a key that the client made up.
func shortened(key string) string {
	if utf8.RuneCountInString(key) <= maxInput {
		return key
	}
	return string([]rune(key)[:maxInput])
}

// value is a member, or nothing when it is absent or null.
func (o object) value(key string) json.RawMessage {
	if raw := o.members[key]; string(raw) != "null" {
		return raw
	}
	return nil
}

// text reads an optional string of least to most characters, trimmed.
func (o object) text(key string, least, most int) *string {
	raw := o.value(key)
	if raw == nil {
		return nil
	}
	at, text := o.path(key), ""
	if raw[0] != '"' || json.Unmarshal(raw, &text) != nil {
		o.broken.notText(at, raw)
		return nil
	}
	text = strings.TrimSpace(text)
	switch n := utf8.RuneCountInString(text); {
	case n < least:
		o.broken.tooShort(at, raw, least)
	case n > most:
		o.broken.tooLong(at, raw, most)
	default:
		return &text
	}
	return nil
}

// flag reads an optional boolean; it is false when absent.
func (o object) flag(key string) bool {
	switch raw := o.members[key]; string(raw) {
	case "", "false":
		return false
	case "true":
		return true
	default:
		o.broken.add("bool_type", o.path(key), "Input should be a valid boolean", raw)
		return false
	}
}

// word reads a required string that must be one of a list.
func (o object) word(key string, allowed []string) string {
	raw, there := o.members[key]
	if !there {
		o.broken.missing(o.path(key))
		return ""
	}
	var text string
	if raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
		if text = strings.TrimSpace(text); slices.Contains(allowed, text) {
			return text
		}
	}
	o.broken.noneOf(o.path(key), raw, allowed)
	return ""
}
