package httpserver

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

// straight refuses paths that could mean something else to a service behind
// us than they mean here.
func (s *site) straight(c *gin.Context) {
	if crooked(c.Request.URL.EscapedPath()) {
		s.fail(c, domain.Invalid("path", "", "no dot segments, encoded slashes or control characters", "Invalid request path"))
	}
}

// crooked reports whether a path, as it was sent, holds a segment that is "."
// or ".." (also encoded, also with a parameter behind a semicolon), or one
// that hides a slash, a backslash, a control character or broken UTF-8.
func crooked(escaped string) bool {
	for segment := range strings.SplitSeq(escaped, "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil || !utf8.ValidString(plain) {
			return true
		}
		name, _, _ := strings.Cut(plain, ";")
		if name == "." || name == ".." || strings.ContainsFunc(plain, hides) {
			return true
		}
	}
	return false
}

func hides(r rune) bool { return r == '/' || r == '\\' || unicode.IsControl(r) }

// pathValue is a variable of the route's template, decoded. straight has seen
// to it that it decodes.
func pathValue(c *gin.Context, name string) string {
	escaped := c.Param(name)
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return escaped
	}
	return plain
}

// batchID takes the batch's id, 1-255 characters that are not all blank, from
// the path.
func batchID(c *gin.Context) (domain.BatchID, error) {
	id := pathValue(c, "batch_id")
	if strings.TrimSpace(id) == "" || utf8.RuneCountInString(id) > maxBatchID {
		return "", domain.Invalid("batch_id", id, "1 to 255 characters", "Invalid batch ID")
	}
	return domain.BatchID(id), nil
}
