package jsonmember

import (
	"iter"

	"github.com/go-json-experiment/json/jsontext"
)

// All iterates over the members of a valid JSON object in their order: the name, with its
// quotes and escapes, and the value. It allocates nothing for a member, so that an object
// with very many of them costs no more memory than another. The parts share memory with
// raw.
func All(raw []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		inside := decoder(raw)
		_, _ = inside.ReadToken() // the brace
		for hasNext(inside) && yield(next(inside, raw), next(inside, raw)) {
		}
	}
}

// Items iterates over the elements of a valid JSON array in their order. It allocates
// nothing for an element. The elements share memory with raw.
func Items(raw []byte) iter.Seq[[]byte] {
	return func(yield func(item []byte) bool) {
		inside := decoder(raw)
		_, _ = inside.ReadToken() // the bracket
		for hasNext(inside) && yield(next(inside, raw)) {
		}
	}
}

// hasNext reports whether another value follows. It returns false for invalid JSON.
func hasNext(d *jsontext.Decoder) bool {
	kind := d.PeekKind()
	return kind != jsontext.KindEndObject && kind != jsontext.KindEndArray && kind != jsontext.KindInvalid
}

// next returns the next value as a part of raw.
func next(d *jsontext.Decoder, raw []byte) []byte {
	value, _ := d.ReadValue() // an error ends the iteration
	end := int(d.InputOffset())
	return raw[end-len(value) : end : end]
}
