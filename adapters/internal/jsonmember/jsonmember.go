// Package jsonmember finds the members of a JSON object and the elements of a JSON array,
// and leaves their bytes as they are. encoding/json cannot do that: it ignores the case of
// names, hides duplicate names, and does not say where a value begins.
//
// It accepts what encoding/json accepts, including duplicate names, invalid UTF-8 and lone
// surrogates; callers that must refuse them check for them.
package jsonmember

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// ErrTooMany means that an object or array has more entries than the caller accepts.
var ErrTooMany = errors.New("too many members or elements")

var (
	errNotObject = errors.New("not a JSON object")
	errNotArray  = errors.New("not a JSON array")
	errTrailing  = errors.New("bytes follow the JSON value")
)

// typicalMembers is the number of members for which memory is allocated at first.
const typicalMembers = 16

// Member is one member of an object. Its offsets are indexes of the object's text.
type Member struct {
	// Start is the index of the first quote of the name, and NameEnd is the index behind its
	// last quote.
	Start, NameEnd int
	// ValueStart is the index of the first byte of the value, and End is the index behind its
	// last byte.
	ValueStart, End int
}

// Object is a JSON object and its members in the order of the text.
type Object struct {
	Raw     []byte
	Members []Member
}

// Parse finds the members of one object of at most limit members. The object keeps raw. It
// returns an error for any other text, and ErrTooMany for more members.
func Parse(raw []byte, limit int) (Object, error) {
	d := decoder(raw)
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return Object{}, errors.Join(errNotObject, err)
	}
	o := Object{Raw: raw, Members: make([]Member, 0, typicalMembers)}
	for d.PeekKind() != '}' {
		name, err := d.ReadValue()
		if err != nil {
			return Object{}, err
		}
		m := Member{NameEnd: int(d.InputOffset())}
		m.Start = m.NameEnd - len(name)
		value, err := d.ReadValue()
		if err != nil {
			return Object{}, err
		}
		if len(o.Members) == limit {
			return Object{}, ErrTooMany
		}
		m.End = int(d.InputOffset())
		m.ValueStart = m.End - len(value)
		o.Members = append(o.Members, m)
	}
	return o, end(d)
}

// Elements returns the elements of one array of at most limit elements. They share memory
// with raw. It returns an error for any other text, and ErrTooMany for more elements.
func Elements(raw []byte, limit int) ([][]byte, error) {
	d := decoder(raw)
	if t, err := d.ReadToken(); err != nil || t.Kind() != '[' {
		return nil, errors.Join(errNotArray, err)
	}
	var out [][]byte
	for d.PeekKind() != ']' {
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		if len(out) == limit {
			return nil, ErrTooMany
		}
		at := int(d.InputOffset())
		out = append(out, raw[at-len(value):at:at])
	}
	return out, end(d)
}

// decoder returns a decoder that reads raw in place.
func decoder(raw []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// end reads the end of the object or array and returns an error if anything but white space
// follows.
func end(d *jsontext.Decoder) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return errTrailing
	}
	return nil
}

// Value returns the value of member i, byte for byte.
func (o Object) Value(i int) []byte {
	m := o.Members[i]
	return o.Raw[m.ValueStart:m.End:m.End]
}

// Name returns the decoded name of member i. A lone surrogate in it becomes U+FFFD.
func (o Object) Name(i int) string { return Text(o.quotedName(i)) }

// quotedName returns the name of member i with its quotes and escapes.
func (o Object) quotedName(i int) []byte { return o.Raw[o.Members[i].Start:o.Members[i].NameEnd] }

// Find returns the indexes of the members with exactly that name.
func (o Object) Find(name string) []int {
	var found []int
	for i := range o.Members {
		if IsText(o.quotedName(i), name) {
			found = append(found, i)
		}
	}
	return found
}

// Last returns the value of the last member with exactly that name, nil if there is none.
func (o Object) Last(name string) []byte {
	found := o.Find(name)
	if len(found) == 0 {
		return nil
	}
	return o.Value(found[len(found)-1])
}

// Text decodes a valid JSON string. It returns an empty string for another value. A lone
// surrogate becomes U+FFFD.
func Text(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	if isPlain(raw) {
		return string(raw[1 : len(raw)-1])
	}
	text, _ := jsontext.AppendUnquote(nil, raw) // the error reports only what became U+FFFD
	return string(text)
}

// isPlain reports whether a JSON string and its text differ only by the quotes.
func isPlain(raw []byte) bool { return bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) }

// maxEscape is the largest number of bytes of JSON, as in \u0061, that stand for one byte of
// text.
const maxEscape = 6

// IsText reports whether a valid JSON string, which is not empty, has this text. It allocates
// nothing for a text of at most 40 bytes, so that an object with very many escaped names costs
// no more memory than another.
func IsText(raw []byte, text string) bool {
	switch {
	case raw[0] != '"':
		return text == ""
	case isPlain(raw):
		return string(raw[1:len(raw)-1]) == text
	case len(raw)-2 > maxEscape*len(text):
		return false
	}
	var buffer [maxEscape*40 + 2]byte
	decoded, _ := jsontext.AppendUnquote(buffer[:0], raw) // the error reports only what became U+FFFD
	return string(decoded) == text
}
