package jwt

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Errors of a token's part.
var (
	errNotObject       = errors.New("not one JSON object in UTF-8")
	errDuplicateMember = errors.New("a member stands twice")
	errNotNumericDate  = errors.New("not a number of seconds")

	errLoneSurrogate = errors.New("one half of a surrogate pair")
)

// maxNumericDate is the end of the year 9999, in seconds since 1970.
const maxNumericDate = 253402300799

// jsonObject is a JSON object with undecoded members. They share one text: a value that
// outlives the object must be cloned, or it keeps the whole text in memory.
type jsonObject map[string]string

// parseObject parses exactly one object. It rejects duplicate members and invalid UTF-8,
// which encoding/json accepts. encoding/json validates the text as a whole, and parseObject
// splits valid text, which is ten times as fast as reading it token by token.
func parseObject(encoded []byte) (jsonObject, error) {
	if !utf8.Valid(encoded) || !json.Valid(encoded) {
		return nil, errNotObject
	}
	text := strings.Trim(string(encoded), whitespace)
	if text[0] != '{' {
		return nil, errNotObject
	}
	members := make(jsonObject, 8)
	for rest := text[1:]; ; rest = rest[1:] {
		rest = strings.TrimLeft(rest, whitespace)
		if rest[0] == '}' { // only of an empty object
			return members, nil
		}
		raw := rest[:valueEnd(rest)]
		name, err := unquote(raw)
		if err != nil {
			return nil, err
		}
		if _, known := members[name]; known {
			return nil, errDuplicateMember
		}
		rest = strings.TrimLeft(rest[len(raw):], whitespace)
		rest = strings.TrimLeft(rest[1:], whitespace) // the colon
		value := rest[:valueEnd(rest)]
		members[name] = value
		rest = strings.TrimLeft(rest[len(value):], whitespace)
		if rest[0] == '}' {
			return members, nil
		}
	}
}

// whitespace is the white space of JSON.
const whitespace = " \t\r\n"

// valueEnd returns the length of the value at the beginning of valid JSON.
func valueEnd(text string) int {
	switch text[0] {
	case '"':
		return stringEnd(text)
	case '{', '[':
		return nestedEnd(text)
	default: // a number or a word
		if end := strings.IndexAny(text, whitespace+",}"); end >= 0 {
			return end
		}
		return len(text)
	}
}

// stringEnd returns the length of the string at the beginning of text.
func stringEnd(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// nestedEnd returns the length of the object or array at the beginning of text.
func nestedEnd(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i += stringEnd(text[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// unquote decodes a JSON string. It does not copy a string without escapes.
func unquote(raw string) (string, error) {
	if inner := raw[1 : len(raw)-1]; strings.IndexByte(inner, '\\') < 0 {
		return inner, nil
	}
	var value string
	if err := json.Unmarshal([]byte(raw), &value); err != nil {
		return "", errNotObject
	}
	return value, nil
}

// stringMember returns a member that is a string.
func (o jsonObject) stringMember(name string) (value string, isText bool) {
	raw, present := o[name]
	if !present || raw[0] != '"' {
		return "", false
	}
	value, err := unquote(raw)
	return value, err == nil
}

// numericDate returns a member that is a NumericDate (RFC 7519 section 2): seconds since
// 1970, with an optional fraction. It returns an error for a member that is no such number.
func (o jsonObject) numericDate(name string) (at time.Time, present bool, err error) {
	raw, present := o[name]
	if !present {
		return time.Time{}, false, nil
	}
	seconds, err := strconv.ParseFloat(raw, 64)
	if err != nil || math.Abs(seconds) > maxNumericDate {
		return time.Time{}, true, errNotNumericDate
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*float64(time.Second))), true, nil
}

// decodePart decodes base64url without padding (RFC 7515 section 2). It rejects line feeds
// and unused bits in the last character, which the library ignores, so that a token has
// exactly one encoding.
func decodePart(part string) ([]byte, bool) {
	for i := range len(part) {
		if part[i] == '\n' || part[i] == '\r' {
			return nil, false
		}
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(part)
	return data, err == nil
}
