package asyncapi

import (
	"iter"
	"path"
	"strings"

	"github.com/huleedu/edge/adapters/internal/jsonmember"
)

// value is a JSON value of the document. The nil value is absent and has no members.
type value []byte

// text returns a string, or an empty one for a value of another type.
func (v value) text() string { return jsonmember.Text(v) }

// members iterates over the members of an object in their order.
func (v value) members() iter.Seq2[string, value] {
	return func(yield func(string, value) bool) {
		if len(v) == 0 || v[0] != '{' {
			return
		}
		for name, member := range jsonmember.All(v) {
			if !yield(jsonmember.Text(name), member) {
				return
			}
		}
	}
}

// items iterates over the elements of an array.
func (v value) items() iter.Seq[value] {
	return func(yield func(value) bool) {
		if len(v) == 0 || v[0] != '[' {
			return
		}
		for item := range jsonmember.Items(v) {
			if !yield(item) {
				return
			}
		}
	}
}

// get returns the value at a path of member names, or nil.
func (v value) get(names ...string) value {
	for _, name := range names {
		var found value
		for member, inner := range v.members() {
			if member == name {
				found = inner
			}
		}
		v = found
	}
	return v
}

// document is a whole document.
type document struct{ value }

// maxReferences bounds a chain of references, which might be a cycle.
const maxReferences = 10

// resolve returns the value that a reference points to, and its name there. A value that is
// not a reference is returned as it is.
func (d document) resolve(v value) (resolved value, name string) {
	for range maxReferences {
		pointer := v.get("$ref").text()
		if pointer == "" {
			return v, name
		}
		steps := strings.Split(strings.TrimPrefix(pointer, "#/"), "/")
		for i, step := range steps {
			steps[i] = strings.ReplaceAll(step, "~1", "/")
		}
		v, name = d.get(steps...), path.Base(pointer)
	}
	return nil, name
}
