package httpserver

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

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

// violations are all broken rules of one request, in the order of the schema.
type violations []violation

// add notes a broken rule; the value is repeated only when it is a short
// scalar.
func (v *violations) add(kind string, at []any, msg string, input json.RawMessage) *violation {
	*v = append(*v, violation{Type: kind, Loc: at, Msg: msg, Input: echo(input)})
	return &(*v)[len(*v)-1]
}

// err is the answer to a request that broke rules, nil for one that broke none.
// Its message is the first rule's.
func (v *violations) err() error {
	if len(*v) == 0 {
		return nil
	}
	return &domain.Error{
		Code: domain.ValidationError, Kind: domain.BrokenSchema, Message: (*v)[0].Msg,
		Op: "httpserver.decode", Details: map[string]any{"validation_errors": []violation(*v)},
	}
}

func (v *violations) missing(at []any) { v.add("missing", at, "Field required", nil) }

func (v *violations) rule(at []any, msg string) {
	v.add("value_error", at, "Value error, "+msg, nil)
}

func (v *violations) notText(at []any, raw json.RawMessage) {
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

func (v *violations) noneOf(at []any, raw json.RawMessage, allowed []string) {
	expected := alternatives(allowed)
	v.add("enum", at, "Input should be "+expected, raw).Ctx = map[string]any{"expected": expected}
}

func characters(n int) string {
	if n == 1 {
		return "1 character"
	}
	return strconv.Itoa(n) + " characters"
}

// alternatives lists words for people: 'a', 'b' or 'c'.
func alternatives(words []string) string {
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

// echo returns a scalar of at most maxInput characters, else nothing.
func echo(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 || raw[0] == '{' || raw[0] == '[' {
		return nil
	}
	text := string(raw)
	if raw[0] == '"' && json.Unmarshal(raw, &text) != nil {
		return nil
	}
	if utf8.RuneCountInString(text) > maxInput {
		return nil
	}
	return raw
}
