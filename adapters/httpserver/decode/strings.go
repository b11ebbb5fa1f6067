package decode

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/huleedu/edge/adapters/internal/jsonmember"
)

const (
	// maxListItems bounds a list of texts, in items.
	maxListItems = 10_000
	// maxMapMembers is the maximum number of members of an object whose values are strings. An
	// object with more is a violation.
	maxMapMembers = 100
)

// stringList reads an optional list of at least one string, each trimmed. It returns
// nil when the list is absent, null or broken.
func (o object) stringList(key string) []string {
	raw := o.value(key)
	if raw == nil {
		return nil
	}
	if raw[0] != '[' {
		o.violations.rule(o.path(key), "input should be a list")
		return nil
	}
	n := 0
	for range jsonmember.Items(raw) {
		n++
		if n > maxListItems {
			break
		}
	}
	switch {
	case n == 0:
		o.violations.add("too_short", o.path(key), "List should have at least 1 item after validation, not 0", nil,
			map[string]any{"field_type": "List", "min_length": 1, "actual_length": 0})
		return nil
	case n > maxListItems:
		o.violations.rule(o.path(key), "list should have at most "+strconv.Itoa(maxListItems)+" items")
		return nil
	}
	return o.stringItems(key, raw, n)
}

// stringItems reads the n items of a list of strings.
func (o object) stringItems(key string, raw json.RawMessage, n int) []string {
	out := make([]string, 0, n)
	for item := range jsonmember.Items(raw) {
		if item[0] == '"' {
			out = append(out, strings.TrimSpace(jsonmember.Text(item)))
			continue
		}
		o.violations.notString(append(o.path(key), len(out)), item)
		if out = append(out, ""); o.violations.truncated {
			break
		}
	}
	return out
}

// stringMap reads a member that is an object of strings, each trimmed.
func (o object) stringMap(key string) map[string]string {
	raw, at := o.members[key], o.path(key)
	if raw[0] != '{' {
		o.violations.rule(at, "input should be a JSON object")
		return nil
	}
	out, n := map[string]string{}, 0
	for name, value := range jsonmember.All(raw) {
		n++
		switch {
		case n > maxMapMembers:
			o.violations.rule(at, "object should have at most "+strconv.Itoa(maxMapMembers)+" members")
			return out
		case value[0] == '"':
			out[jsonmember.Text(name)] = strings.TrimSpace(jsonmember.Text(value))
		default:
			o.violations.notString(o.path(key, jsonmember.Text(name)), value)
			if o.violations.truncated {
				return out
			}
		}
	}
	return out
}
