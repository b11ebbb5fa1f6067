package httpserver

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The functions below walk over JSON that json.Valid has accepted. They
// allocate nothing per member or item, so that a body with very many of them
// costs no more memory than any other body.

// eachMember calls visit with the members of a JSON object, in their order, key
// and value as they are spelled. It stops when visit returns false.
func eachMember(raw []byte, visit func(key, value json.RawMessage) bool) {
	at := skipSpace(raw, 1)
	for raw[at] != '}' {
		keyEnd := skipString(raw, at)
		start := skipSpace(raw, skipSpace(raw, keyEnd)+1) // behind the colon
		end := skipValue(raw, start)
		if !visit(raw[at:keyEnd], raw[start:end]) {
			return
		}
		if at = skipSpace(raw, end); raw[at] == ',' {
			at = skipSpace(raw, at+1)
		}
	}
}

// eachItem calls visit with the items of a JSON array, in their order. It stops
// when visit returns false.
func eachItem(raw []byte, visit func(item json.RawMessage) bool) {
	at := skipSpace(raw, 1)
	for raw[at] != ']' {
		end := skipValue(raw, at)
		if !visit(raw[at:end]) {
			return
		}
		if at = skipSpace(raw, end); raw[at] == ',' {
			at = skipSpace(raw, at+1)
		}
	}
}

// skipSpace returns the index of the first byte at or after at that is not white
// space.
func skipSpace(raw []byte, at int) int {
	for at < len(raw) && strings.IndexByte(" \t\r\n", raw[at]) >= 0 {
		at++
	}
	return at
}

// skipString returns the index behind the string whose first quote is at at.
func skipString(raw []byte, at int) int {
	for at++; raw[at] != '"'; at++ {
		if raw[at] == '\\' {
			at++
		}
	}
	return at + 1
}

// skipValue returns the index behind the value that begins at at.
func skipValue(raw []byte, at int) int {
	switch raw[at] {
	case '"':
		return skipString(raw, at)
	case '{', '[':
		return skipNested(raw, at)
	default:
		if end := bytes.IndexAny(raw[at:], ",}] \t\r\n"); end >= 0 {
			return at + end
		}
		return len(raw)
	}
}

// skipNested returns the index behind the object or array that begins at at.
func skipNested(raw []byte, at int) int {
	for depth := 0; ; {
		switch raw[at] {
		case '"':
			at = skipString(raw, at)
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

// escapeUnit returns the code unit of the escape \uXXXX at at.
func escapeUnit(raw []byte, at int) rune {
	var unit rune
	for _, c := range raw[at+2 : at+6] {
		unit <<= 4
		switch {
		case c <= '9':
			unit |= rune(c - '0')
		case c <= 'F':
			unit |= rune(c - 'A' + 10)
		default:
			unit |= rune(c - 'a' + 10)
		}
	}
	return unit
}

// unquoted returns the text of a JSON string.
func unquoted(raw json.RawMessage) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	return string(appendUnquoted(make([]byte, 0, len(raw)), raw))
}

// appendUnquoted appends the text of a JSON string, which has no lone surrogate.
func appendUnquoted(dst []byte, raw json.RawMessage) []byte {
	for at := 1; at < len(raw)-1; {
		switch {
		case raw[at] != '\\':
			dst = append(dst, raw[at])
			at++
		case raw[at+1] != 'u':
			dst = append(dst, unescape(raw[at+1]))
			at += 2
		case utf16.IsSurrogate(escapeUnit(raw, at)):
			dst = utf8.AppendRune(dst, utf16.DecodeRune(escapeUnit(raw, at), escapeUnit(raw, at+6)))
			at += 12
		default:
			dst = utf8.AppendRune(dst, escapeUnit(raw, at))
			at += 6
		}
	}
	return dst
}

// unescape returns the character of a two-byte escape.
func unescape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	default: // a quote, a slash or a backslash
		return c
	}
}

// maxNameLength bounds the names of a schema's members, in bytes.
const maxNameLength = 32

// matchKey returns which of the known names a member's key spells, empty if none.
func matchKey(raw json.RawMessage, known []string) string {
	var space [len(`\u0000`) * maxNameLength]byte
	text := []byte(raw[1 : len(raw)-1])
	if bytes.IndexByte(text, '\\') >= 0 {
		if len(text) > len(space) {
			return ""
		}
		text = appendUnquoted(space[:0], raw)
	}
	for _, name := range known {
		if string(text) == name {
			return name
		}
	}
	return ""
}
