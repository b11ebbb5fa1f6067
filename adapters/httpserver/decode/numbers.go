package decode

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/huleedu/edge/adapters/internal/jsonmember"
)

// Forms in HTML send every value as text. So a number may also be written as
// decimal text, and a boolean as true, false, 1 or 0, as text or as a number.
// Nothing else is converted.

// positiveInt reads a required whole number above zero. It may be written as 3.0.
func (o object) positiveInt(key string) (n int, ok bool) {
	raw, there := o.members[key]
	if !there {
		o.violations.missing(o.path(key))
		return 0, false
	}
	value, isNumber := numberOf(raw)
	switch {
	case !isNumber || value != math.Trunc(value) || math.Abs(value) > math.MaxInt32:
		o.violations.add("int_parsing", o.path(key), "Input should be a valid integer"+parseHint(raw, "an integer"), raw, nil)
	case value <= 0:
		o.violations.add("greater_than", o.path(key), "Input should be greater than 0", raw, map[string]any{"gt": 0})
	default:
		return int(value), true
	}
	return 0, false
}

// optionalNumber reads an optional number from least to most.
func (o object) optionalNumber(key string, least, most float64) *float64 {
	raw := o.value(key)
	if raw == nil {
		return nil
	}
	value, isNumber := numberOf(raw)
	if !isNumber {
		o.violations.add("float_parsing", o.path(key), "Input should be a valid number"+parseHint(raw, "a number"), raw, nil)
	} else if o.violations.requireRange(o.path(key), raw, value, least, most) {
		return &value
	}
	return nil
}

// boolean reads an optional boolean; it is false when absent.
func (o object) boolean(key string) bool {
	raw, there := o.members[key]
	if !there {
		return false
	}
	value, ok := booleanOf(raw)
	switch {
	case ok:
	case raw[0] == '"', isNumber(raw):
		o.violations.add("bool_parsing", o.path(key), "Input should be a valid boolean, unable to interpret input", raw, nil)
	default:
		o.violations.add("bool_type", o.path(key), "Input should be a valid boolean", raw, nil)
	}
	return value
}

// booleanOf returns the boolean value of a JSON value. ok is false if there is none.
func booleanOf(raw json.RawMessage) (value, ok bool) {
	text := string(raw)
	switch {
	case raw[0] == '"':
		text = strings.TrimSpace(jsonmember.Text(raw))
	case isNumber(raw):
		number, err := strconv.ParseFloat(text, 64)
		return number == 1, err == nil && (number == 0 || number == 1)
	}
	value = text == "true" || raw[0] == '"' && text == "1"
	return value, value || text == "false" || raw[0] == '"' && text == "0"
}

// numberOf returns the value of a JSON number, or of a JSON string with a
// decimal number. ok is false for everything else and for a number that is too
// large for a float64.
func numberOf(raw json.RawMessage) (value float64, ok bool) {
	text := string(raw)
	switch {
	case raw[0] == '"':
		if text = strings.TrimSpace(jsonmember.Text(raw)); !isDecimal(text) {
			return 0, false
		}
	case !isNumber(raw):
		return 0, false
	}
	value, err := strconv.ParseFloat(text, 64)
	return value, err == nil
}

// parseHint completes the message for a text that is not a number.
func parseHint(raw json.RawMessage, kind string) string {
	if raw[0] != '"' {
		return ""
	}
	return ", unable to parse string as " + kind
}

// isNumber reports whether valid JSON is a number.
func isNumber(raw json.RawMessage) bool { return raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9' }

// isDecimal reports whether a text is a number in decimal notation: an optional
// minus, digits, and a fraction or none.
func isDecimal(text string) bool {
	whole, fraction, fractional := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	return isDigits(whole) && (!fractional || isDigits(fraction))
}

func isDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }
