package httpserver

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// count reads a required whole number above zero. It may be written as 3.0; as
// a text it is none.
func (o object) count(key string) (n int, ok bool) {
	raw, there := o.members[key]
	if !there {
		o.broken.missing(o.path(key))
		return 0, false
	}
	value, err := strconv.ParseFloat(string(raw), 64)
	switch {
	case !isNumber(raw) || err != nil || value != math.Trunc(value) || math.Abs(value) > math.MaxInt32:
		o.broken.add("int_parsing", o.path(key), "Input should be a valid integer", raw)
	case value <= 0:
		o.broken.add("greater_than", o.path(key), "Input should be greater than 0", raw).Ctx = map[string]any{"gt": 0}
	default:
		return int(value), true
	}
	return 0, false
}

// number reads an optional number from least to most.
func (o object) number(key string, least, most float64) *float64 {
	raw := o.value(key)
	if raw == nil {
		return nil
	}
	value, err := strconv.ParseFloat(string(raw), 64)
	plain := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
	switch {
	case !isNumber(raw) || err != nil:
		o.broken.rule(o.path(key), "input should be a number")
	case value < least:
		o.broken.add("greater_than_equal", o.path(key), "Input should be greater than or equal to "+plain(least), raw).
			Ctx = map[string]any{"ge": least}
	case value > most:
		o.broken.add("less_than_equal", o.path(key), "Input should be less than or equal to "+plain(most), raw).
			Ctx = map[string]any{"le": most}
	default:
		return &value
	}
	return nil
}

// isNumber reports whether valid JSON is a number.
func isNumber(raw json.RawMessage) bool {
	return len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9')
}

// texts reads a required list of at least one string, each trimmed.
func (o object) texts(key string) []string {
	raw, there := o.members[key]
	if !there {
		o.broken.missing(o.path(key))
		return nil
	}
	var items []json.RawMessage
	if raw[0] != '[' || json.Unmarshal(raw, &items) != nil {
		o.broken.rule(o.path(key), "input should be a list")
		return nil
	}
	if len(items) == 0 {
		o.broken.add("too_short", o.path(key), "List should have at least 1 item after validation, not 0", nil).
			Ctx = map[string]any{"field_type": "List", "min_length": 1, "actual_length": 0}
		return nil
	}
	out := make([]string, 0, len(items))
	for i, item := range items {
		var text string
		if item[0] != '"' || json.Unmarshal(item, &text) != nil {
			o.broken.notText(append(o.path(key), i), item)
		}
		out = append(out, strings.TrimSpace(text))
	}
	return out
}
