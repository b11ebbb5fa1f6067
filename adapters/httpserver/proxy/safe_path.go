package proxy

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxEncodings bounds how often a path may be percent-encoded. Each level costs one
// pass.
const maxEncodings = 8

// IsUnsafePath reports whether a service may read a path, as it was sent, as another path:
// because at any depth of encoding it has a segment that is "." or ".." (also with a
// parameter after a semicolon or spaces around it), an encoded slash, a backslash, a
// control character or invalid UTF-8.
func IsUnsafePath(escaped string) bool {
	for range maxEncodings {
		if hasUnsafeSegment(escaped) {
			return true
		}
		if strings.IndexByte(escaped, '%') < 0 {
			return false
		}
		plain := decodeOnce(escaped)
		switch {
		case plain == escaped:
			return false
		case strings.Count(plain, "/") != strings.Count(escaped, "/"):
			return true
		}
		escaped = plain
	}
	return true
}

// hasUnsafeSegment checks a path without decoding it.
func hasUnsafeSegment(path string) bool {
	if strings.ContainsFunc(path, isForbiddenRune) || !utf8.ValidString(path) {
		return true
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment[0] != '.' && segment[0] != ' ' { // nearly all
			continue
		}
		name, _, _ := strings.Cut(segment, ";")
		if name = strings.Trim(name, " "); name == "." || name == ".." {
			return true
		}
	}
	return false
}

func isForbiddenRune(r rune) bool { return r == '\\' || unicode.IsControl(r) }

// decodeOnce decodes one level of percent-encoding leniently: invalid escapes stay.
func decodeOnce(path string) string {
	var out strings.Builder
	out.Grow(len(path))
	for i := 0; i < len(path); i++ {
		if path[i] == '%' && i+2 < len(path) {
			if c, err := strconv.ParseUint(path[i+1:i+3], 16, 8); err == nil {
				out.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		out.WriteByte(path[i])
	}
	return out.String()
}
