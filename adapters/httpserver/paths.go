package httpserver

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

// requireSafePath refuses paths that a service may interpret differently.
func (s *router) requireSafePath(c *gin.Context) {
	if isUnsafePath(c.Request.URL.EscapedPath()) {
		s.fail(c, domain.Invalid("path", "", "no dot segments, encoded slashes or control characters", "Invalid request path"))
	}
}

// maxEncodings bounds how often a path may be percent-encoded. Each level costs one
// pass.
const maxEncodings = 8

// isUnsafePath reports whether a path, as it was sent, leaves its prefix or hides a
// separator at any depth of encoding: a segment that is "." or ".." (also with
// a parameter behind a semicolon or blanks around it), a slash that was
// encoded, a backslash, a control character or broken UTF-8.
func isUnsafePath(escaped string) bool {
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

// pathValue returns a decoded path parameter. requireSafePath has checked that it
// decodes.
func pathValue(c *gin.Context, name string) string {
	escaped := c.Param(name)
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return escaped
	}
	return plain
}

// batchID returns the batch id in the path: 1-255 characters that are not all blank.
func batchID(c *gin.Context) (domain.BatchID, error) {
	id := pathValue(c, "batch_id")
	if strings.TrimSpace(id) == "" || utf8.RuneCountInString(id) > maxBatchID {
		return "", domain.Invalid("batch_id", id, "1 to 255 characters", "Invalid batch ID")
	}
	return domain.BatchID(id), nil
}
