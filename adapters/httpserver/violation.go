package httpserver

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/huleedu/edge/adapters/internal/httpreason"
	"github.com/huleedu/edge/domain"
)

// maxInput bounds, in characters, what a schema error repeats of the value
// that broke it.
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

// Bounds of an answer that lists broken rules, whatever the request was.
const (
	// maxViolations is how many are listed.
	maxViolations = 50
	// maxListed bounds the list, in bytes of JSON.
	maxListed = 48 << 10
)

// violations are the broken rules of one request, in the order in which they
// are found.
type violations struct {
	list []violation
	// truncated reports that more violations were found. A caller may stop then.
	truncated bool
	// listedEnums holds the lists of allowed values that a violation already states.
	listedEnums []string
	// discarded is what add returns in place of a violation that is not kept.
	discarded violation
}

// add notes a broken rule; the value is repeated only when it is a short
// scalar. After maxViolations it keeps nothing and marks the list as truncated.
func (v *violations) add(kind string, at []any, msg string, input json.RawMessage) *violation {
	one := violation{Type: kind, Loc: at, Msg: msg, Input: echoInput(input)}
	if len(v.list) == maxViolations {
		v.truncated, v.discarded = true, one
		return &v.discarded
	}
	v.list = append(v.list, one)
	return &v.list[len(v.list)-1]
}

// err is the answer to a request that broke rules, nil for one that broke none.
// Its message is the first rule's.
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
		text, err := plainJSON(one)
		if size += len(text); i > 0 && (err != nil || size > maxListed) {
			v.truncated = true
			return v.list[:i]
		}
	}
	return v.list
}

func (v *violations) missing(at []any) { v.add("missing", at, "Field required", nil) }

func (v *violations) rule(at []any, msg string) {
	v.add("value_error", at, "Value error, "+msg, nil)
}

func (v *violations) notString(at []any, raw json.RawMessage) {
	v.add("string_type", at, "Input should be a valid string", raw)
}

func (v *violations) tooShort(at []any, raw json.RawMessage, least int) {
	v.add("string_too_short", at, "String should have at least "+characters(least), raw).
		Ctx = map[string]any{"min_length": least}
}

func (v *violations) tooLong(at []any, raw json.RawMessage, most int) {
	v.add("string_too_long", at, "String should have at most "+characters(most), raw).
		Ctx = map[string]any{"max_length": most}
}

// notInEnum notes a value that is none of a list. An answer states each list once.
func (v *violations) notInEnum(at []any, raw json.RawMessage, allowed []string) {
	expected := enumList(allowed)
	if slices.Contains(v.listedEnums, expected) {
		v.add("enum", at, "Input should be one of the allowed values", raw)
		return
	}
	v.listedEnums = append(v.listedEnums, expected)
	v.add("enum", at, "Input should be "+expected, raw).Ctx = map[string]any{"expected": expected}
}

func characters(n int) string {
	if n == 1 {
		return "1 character"
	}
	return strconv.Itoa(n) + " characters"
}

// enumList lists words for people: 'a', 'b' or 'c'.
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

// maxEscapedRune is the most bytes that JSON needs for one character: two
// escapes of six.
const maxEscapedRune = 12

// echoInput returns a scalar of at most maxInput characters, else nothing.
func echoInput(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || len(raw) > maxInput*maxEscapedRune+2 {
		return nil
	}
	text := string(raw)
	if raw[0] == '"' {
		text = unquoted(raw)
	}
	if utf8.RuneCountInString(text) > maxInput {
		return nil
	}
	return raw
}
