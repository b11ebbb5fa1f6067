package httpclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// jsonObject is a JSON object whose top-level members are known by where they
// stand, so that single ones can be changed while every other byte stays.
type jsonObject struct {
	raw     []byte
	members []memberSpan
}

// memberSpan is where a member stands: its key and its value, without the white
// space and punctuation around them.
type memberSpan struct {
	key                            string
	keyStart, valueStart, valueEnd int
}

var (
	errNotJSON        = errors.New("not JSON")
	errNotObject      = errors.New("not a JSON object")
	errTooManyMembers = errors.New("too many members")
)

// maxMembers is how many members of one object are accepted: each takes about ten
// times the memory of its shortest spelling.
const maxMembers = 10_000

// typicalMembers is room for the members of a batch, as the aggregator writes it.
const typicalMembers = 16

// parseObject finds the members of a JSON object. The whole document is
// validated first, so the walk over it need not be careful.
func parseObject(raw []byte) (jsonObject, error) {
	if !json.Valid(raw) {
		return jsonObject{}, errNotJSON
	}
	o := jsonObject{raw: raw, members: make([]memberSpan, 0, typicalMembers)}
	at := o.skipSpace(0)
	if raw[at] != '{' {
		return jsonObject{}, errNotObject
	}
	at = o.skipSpace(at + 1)
	for raw[at] != '}' {
		m := memberSpan{keyStart: at}
		keyEnd := o.skipString(at)
		m.key = unquote(raw[at:keyEnd])
		m.valueStart = o.skipSpace(o.skipSpace(keyEnd) + 1) // behind the colon
		m.valueEnd = o.skipValue(m.valueStart)
		if len(o.members) == maxMembers {
			return jsonObject{}, errTooManyMembers
		}
		o.members = append(o.members, m)
		at = o.skipSpace(m.valueEnd)
		if raw[at] == ',' {
			at = o.skipSpace(at + 1)
		}
	}
	return o, nil
}

// find returns the numbers of the members with exactly that key, escapes
// undone.
func (o jsonObject) find(key string) []int {
	var at []int
	for i, m := range o.members {
		if m.key == key {
			at = append(at, i)
		}
	}
	return at
}

// last returns the value of the last member with exactly that key, nil if there is none.
func (o jsonObject) last(key string) []byte {
	at := o.find(key)
	if len(at) == 0 {
		return nil
	}
	return o.value(at[len(at)-1])
}

// elements returns the elements of a valid JSON array, byte for byte. ok is false for
// another value and for an array with more than limit elements.
func elements(raw []byte, limit int) (out [][]byte, ok bool) {
	if len(raw) == 0 || raw[0] != '[' {
		return nil, false
	}
	o := jsonObject{raw: raw}
	for at := o.skipSpace(1); raw[at] != ']'; {
		if len(out) == limit {
			return nil, false
		}
		end := o.skipValue(at)
		out = append(out, raw[at:end])
		at = o.skipSpace(end)
		if raw[at] == ',' {
			at = o.skipSpace(at + 1)
		}
	}
	return out, true
}

// value returns a member's value, byte for byte.
func (o jsonObject) value(i int) []byte { return o.raw[o.members[i].valueStart:o.members[i].valueEnd] }

// removalRange returns what to cut to be rid of a member: up to the next key, or, for
// the last one, from the end of the value before it.
func (o jsonObject) removalRange(i int) (from, to int) {
	switch {
	case i+1 < len(o.members):
		return o.members[i].keyStart, o.members[i+1].keyStart
	case i > 0:
		return o.members[i-1].valueEnd, o.members[i].valueEnd
	default:
		return o.members[i].keyStart, o.members[i].valueEnd
	}
}

// skipSpace returns where the white space that may begin at a place ends.
func (o jsonObject) skipSpace(at int) int {
	for at < len(o.raw) && strings.IndexByte(" \t\r\n", o.raw[at]) >= 0 {
		at++
	}
	return at
}

// skipString returns where the string that begins at a quote ends.
func (o jsonObject) skipString(at int) int {
	for at++; o.raw[at] != '"'; at++ {
		if o.raw[at] == '\\' {
			at++
		}
	}
	return at + 1
}

// skipValue returns where a value ends.
func (o jsonObject) skipValue(at int) int {
	switch o.raw[at] {
	case '"':
		return o.skipString(at)
	case '{', '[':
		return o.skipNested(at)
	default:
		return at + bytes.IndexAny(o.raw[at:], ",}] \t\r\n")
	}
}

// skipNested returns where the object or array that begins at a place ends.
func (o jsonObject) skipNested(at int) int {
	for depth := 0; ; {
		switch o.raw[at] {
		case '"':
			at = o.skipString(at)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		at++
		if depth == 0 {
			return at
		}
	}
}

// unquote reads a JSON string that is known to be valid. Nearly all are spelled
// as they are.
func unquote(raw []byte) string {
	if len(raw) > 1 && raw[0] == '"' && isPlainASCII(raw) {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// isPlainASCII reports whether a JSON string holds neither escapes nor bytes
// outside of ASCII.
func isPlainASCII(raw []byte) bool {
	for _, c := range raw {
		if c == '\\' || c > '~' {
			return false
		}
	}
	return true
}
