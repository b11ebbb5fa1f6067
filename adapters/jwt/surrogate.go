package jwt

import (
	"strconv"
	"strings"
)

// hasLoneSurrogate reports whether valid JSON escapes one half of a UTF-16
// surrogate pair without the other. encoding/json decodes each such escape to
// U+FFFD, so that different identities would become one.
func hasLoneSurrogate(raw string) bool {
	for {
		at := strings.IndexByte(raw, '\\')
		if at < 0 {
			return false
		}
		unit, isUnit := escapedUnit(raw[at:])
		switch {
		case !isUnit:
			raw = raw[min(at+2, len(raw)):] // a backslash and the escaped character
		case unit < 0xD800 || unit > 0xDFFF:
			raw = raw[at+unitLength:]
		default:
			low, paired := escapedUnit(raw[at+unitLength:])
			if unit >= 0xDC00 || !paired || low < 0xDC00 || low > 0xDFFF {
				return true
			}
			raw = raw[at+2*unitLength:]
		}
	}
}

// unitLength is the length of an escape such as \u00e5, in bytes.
const unitLength = 6

// escapedUnit decodes the UTF-16 escape at the beginning of text.
func escapedUnit(text string) (unit uint64, ok bool) {
	if len(text) < unitLength || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(text[2:unitLength], 16, 16)
	return unit, err == nil
}
