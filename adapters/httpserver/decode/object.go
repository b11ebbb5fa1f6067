package decode

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/huleedu/edge/adapters/internal/jsonmember"
	"github.com/huleedu/edge/domain"
)

// object holds the members of a JSON object that a schema knows. Keys match exactly;
// unknown keys are ignored; the last of duplicate keys counts.
type object struct {
	members    map[string]json.RawMessage
	at         []any
	violations *violations
}

// bodyObject reads the known members of a request's body. It
// refuses a lone surrogate anywhere, because readers replace it by different characters or
// by the same one for two different strings.
func bodyObject(body []byte, broken *violations, known ...string) (object, bool) {
	at := []any{"body"}
	text := bytes.Trim(body, " \t\r\n")
	if len(text) == 0 || string(text) == "null" {
		broken.missing(at)
		return object{}, false
	}
	if !utf8.Valid(text) || !json.Valid(text) {
		broken.add("json_invalid", append(at, syntaxErrorOffset(text)), "JSON decode error", nil, nil)
		return object{}, false
	}
	if lone := domain.LoneSurrogate(text); lone >= 0 {
		broken.add("json_invalid", append(at, lone), "JSON decode error", nil, nil)
		return object{}, false
	}
	return parseMembers(text, at, broken, known...)
}

// syntaxErrorOffset returns the offset of the first syntax error.
func syntaxErrorOffset(text []byte) int64 {
	var value json.RawMessage
	if syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(text, &value)); ok {
		return syntax.Offset
	}
	return 0
}

// parseMembers reads the known members of an object inside valid JSON.
func parseMembers(raw json.RawMessage, at []any, broken *violations, known ...string) (object, bool) {
	o := object{at: at, violations: broken}
	if raw[0] != '{' {
		broken.rule(at, "input should be a JSON object")
		return object{}, false
	}
	o.members = make(map[string]json.RawMessage, len(known))
	for key, value := range jsonmember.All(raw) {
		named := func(name string) bool { return jsonmember.IsText(key, name) }
		if i := slices.IndexFunc(known, named); i >= 0 {
			o.members[known[i]] = value
		}
	}
	return o, true
}

// path returns the location of a member for schema errors. It truncates keys that
// the client chose.
func (o object) path(keys ...string) []any {
	out := slices.Clone(o.at)
	for _, k := range keys {
		out = append(out, Clip(k, maxInput))
	}
	return out
}

// value returns a member, or nil if it is absent or null.
func (o object) value(key string) json.RawMessage {
	if raw := o.members[key]; string(raw) != "null" {
		return raw
	}
	return nil
}

// optionalString reads an optional string of least to most characters, trimmed.
func (o object) optionalString(key string, least, most int) *string {
	raw := o.value(key)
	if raw == nil {
		return nil
	}
	at := o.path(key)
	if raw[0] != '"' {
		o.violations.notString(at, raw)
		return nil
	}
	text := strings.TrimSpace(jsonmember.Text(raw))
	switch n := utf8.RuneCountInString(text); {
	case n < least:
		o.violations.tooShort(at, raw, least)
	case n > most:
		o.violations.tooLong(at, raw, most)
	default:
		return &text
	}
	return nil
}

// enum reads a required string that must be one of a list.
func (o object) enum(key string, allowed []string) string {
	raw, there := o.members[key]
	if !there {
		o.violations.missing(o.path(key))
		return ""
	}
	if raw[0] == '"' {
		if text := strings.TrimSpace(jsonmember.Text(raw)); slices.Contains(allowed, text) {
			return text
		}
	}
	o.violations.notInEnum(o.path(key), raw, allowed)
	return ""
}
