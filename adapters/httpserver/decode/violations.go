package decode

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/huleedu/edge/adapters/internal/httpreason"
	"github.com/huleedu/edge/adapters/internal/jsonmember"
	"github.com/huleedu/edge/domain"
)

// maxInput bounds, in characters, the value that a schema error repeats.
const maxInput = 100

// violation is one broken rule of a schema, in the shape that clients of the
// platform know from its other services.
type violation struct {
	Type  string          `json:"type"`
	Loc   []any           `json:"loc"`
	Msg   string          `json:"msg"`
	Input json.RawMessage `json:"input,omitempty"`
	Ctx   map[string]any  `json:"ctx,omitempty"`
}

// Bounds of an answer that lists broken rules.
const (
	// maxViolations is the maximum number of violations in an answer. Further ones are not listed.
	maxViolations = 50
	// maxListed is the maximum size of the listed violations, in bytes of JSON.
	maxListed = 48 << 10
)

// violations are the broken rules of one request, in the order in which they are found.
type violations struct {
	list []violation
	// truncated reports that more violations were found. A caller may stop then.
	truncated bool
	// listedEnums holds the lists of allowed values that a violation already states.
	listedEnums []string
}

// add appends a broken rule. ctx holds the bounds of the rule and may be nil. After
// maxViolations it appends nothing and marks the list as truncated.
func (v *violations) add(kind string, at []any, msg string, input json.RawMessage, ctx map[string]any) {
	if len(v.list) == maxViolations {
		v.truncated = true
		return
	}
	v.list = append(v.list, violation{Type: kind, Loc: at, Msg: msg, Input: echoInput(input), Ctx: ctx})
}

// err returns the VALIDATION_ERROR for the broken rules, with the message of the first one,
// or nil if there are none.
func (v *violations) err() error {
	if len(v.list) == 0 {
		return nil
	}
	details := map[string]any{"validation_errors": v.bounded()}
	if v.truncated {
		details["truncated"] = true
	}
	return &domain.Error{
		Code: domain.ValidationError, Reason: httpreason.SchemaViolation, Message: v.list[0].Msg,
		Op: "httpserver.decode", Details: details,
	}
}

// bounded returns the violations that fit into maxListed, at least the first.
func (v *violations) bounded() []violation {
	size := 0
	for i, one := range v.list {
		text, err := domain.EncodeJSON(one)
		if size += len(text); i > 0 && (err != nil || size > maxListed) {
			v.truncated = true
			return v.list[:i]
		}
	}
	return v.list
}

func (v *violations) missing(at []any) { v.add("missing", at, "Field required", nil, nil) }

func (v *violations) rule(at []any, msg string) {
	v.add("value_error", at, "Value error, "+msg, nil, nil)
}

func (v *violations) notString(at []any, raw json.RawMessage) {
	v.add("string_type", at, "Input should be a valid string", raw, nil)
}

func (v *violations) tooShort(at []any, raw json.RawMessage, least int) {
	v.add("string_too_short", at, "String should have at least "+characters(least), raw, map[string]any{"min_length": least})
}

func (v *violations) tooLong(at []any, raw json.RawMessage, most int) {
	v.add("string_too_long", at, "String should have at most "+characters(most), raw, map[string]any{"max_length": most})
}

// notInEnum adds a violation for a value that is not in a list. An answer states each list
// once.
func (v *violations) notInEnum(at []any, raw json.RawMessage, allowed []string) {
	expected := enumList(allowed)
	if slices.Contains(v.listedEnums, expected) {
		v.add("enum", at, "Input should be one of the allowed values", raw, nil)
		return
	}
	v.listedEnums = append(v.listedEnums, expected)
	v.add("enum", at, "Input should be "+expected, raw, map[string]any{"expected": expected})
}

// requireRange adds a violation for a value that is not from least to most, and reports
// whether there was none.
func (v *violations) requireRange(at []any, raw json.RawMessage, value, least, most float64) bool {
	switch {
	case value < least:
		v.add("greater_than_equal", at, "Input should be greater than or equal to "+number(least), raw, map[string]any{"ge": least})
	case value > most:
		v.add("less_than_equal", at, "Input should be less than or equal to "+number(most), raw, map[string]any{"le": most})
	default:
		return true
	}
	return false
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func characters(n int) string {
	if n == 1 {
		return "1 character"
	}
	return strconv.Itoa(n) + " characters"
}

// enumList joins words for a message: 'a', 'b' or 'c'.
func enumList(words []string) string {
	var out strings.Builder
	for i, w := range words {
		switch {
		case i == 0:
		case i == len(words)-1:
			out.WriteString(" or ")
		default:
			out.WriteString(", ")
		}
		out.WriteString("'" + w + "'")
	}
	return out.String()
}

// maxEscapedRune is how many bytes JSON needs at most for one character: two escapes of
// six.
const maxEscapedRune = 12

// echoInput returns a scalar of at most maxInput characters, else nil.
func echoInput(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || len(raw) > maxInput*maxEscapedRune+2 {
		return nil
	}
	text := string(raw)
	if raw[0] == '"' {
		text = jsonmember.Text(raw)
	}
	if utf8.RuneCountInString(text) > maxInput {
		return nil
	}
	return raw
}

// Clip returns at most the first n characters of a text.
func Clip(text string, n int) string {
	if len(text) <= n {
		return text
	}
	runes := 0
	for at := range text {
		if runes == n {
			return text[:at]
		}
		runes++
	}
	return text
}

// toStrings turns named strings into plain ones.
func toStrings[T ~string](named []T) []string {
	out := make([]string, 0, len(named))
	for _, w := range named {
		out = append(out, string(w))
	}
	return out
}
