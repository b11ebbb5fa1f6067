package domain

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// escapeLength is the length of an escape of the form \uXXXX, in bytes.
const escapeLength = 6

// LoneSurrogate returns the index in valid JSON of the first escape that is a UTF-16
// surrogate without its other half, or -1. Decoders replace it by U+FFFD, so that two
// different strings become equal.
func LoneSurrogate(raw []byte) int {
	for at := 0; ; {
		next := bytes.IndexByte(raw[at:], '\\')
		if next < 0 {
			return -1
		}
		at += next
		first := escapedUnit(raw, at)
		if !utf16.IsSurrogate(first) {
			at += 2
			continue
		}
		if utf16.DecodeRune(first, escapedUnit(raw, at+escapeLength)) == utf8.RuneError {
			return at
		}
		at += 2 * escapeLength
	}
}

// escapedUnit returns the code unit of the escape \uXXXX at an index; 0 if there is none.
func escapedUnit(raw []byte, at int) rune {
	if at+escapeLength > len(raw) || raw[at] != '\\' || raw[at+1] != 'u' {
		return 0
	}
	unit, err := strconv.ParseUint(string(raw[at+2:at+escapeLength]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(unit)
}
