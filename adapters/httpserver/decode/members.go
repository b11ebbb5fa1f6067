package decode

import (
	"bytes"
	"iter"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// members iterates over the members of a JSON object in their order: the name, with its
// quotes and escapes, and the value. The JSON is valid.
func members(raw jsontext.Value) iter.Seq2[jsontext.Value, jsontext.Value] {
	return func(yield func(name, value jsontext.Value) bool) {
		inside := newReader(raw)
		for inside.more() && yield(inside.next(), inside.next()) {
		}
	}
}

// items iterates over the items of a JSON array in their order. The JSON is valid.
func items(raw jsontext.Value) iter.Seq[jsontext.Value] {
	return func(yield func(item jsontext.Value) bool) {
		inside := newReader(raw)
		for inside.more() && yield(inside.next()) {
		}
	}
}

// reader reads the values inside a valid JSON object or array. It allocates nothing for
// a value, so that a body with very many of them costs no more memory than another.
type reader struct {
	raw    jsontext.Value
	tokens *jsontext.Decoder
}

// newReader returns a reader of the values after the opening brace or bracket.
func newReader(raw jsontext.Value) reader {
	tokens := jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true))
	_, _ = tokens.ReadToken() // the JSON is valid
	return reader{raw, tokens}
}

// more reports whether another value follows.
func (r reader) more() bool {
	kind := r.tokens.PeekKind()
	return kind != jsontext.KindEndObject && kind != jsontext.KindEndArray && kind != jsontext.KindInvalid
}

// next returns the next value as a part of the JSON that newReader received.
func (r reader) next() jsontext.Value {
	value, _ := r.tokens.ReadValue() // the JSON is valid
	end := int(r.tokens.InputOffset())
	return r.raw[end-len(value) : end]
}

// unquoted returns the text of a JSON string.
func unquoted(raw jsontext.Value) string {
	text, _ := jsontext.AppendUnquote(nil, raw) // the JSON is valid
	return string(text)
}

// matchName returns which of the known names a JSON string spells, or "".
func matchName(raw jsontext.Value, known []string) string {
	var space [64]byte // holds all known names without an allocation
	text, _ := jsontext.AppendUnquote(space[:0], raw)
	if at := slices.IndexFunc(known, func(name string) bool { return name == string(text) }); at >= 0 {
		return known[at]
	}
	return ""
}
