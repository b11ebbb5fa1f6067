package httpserver

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/adapters/internal/bearer"
)

// authenticate verifies the caller's token. It reads only the header.
func (s *router) authenticate(c *gin.Context) {
	token, malformed := bearer.Token(authorization(c.Request.Header))
	identified, err := s.authentication.Identify(c.Request.Context(), token, malformed)
	if identified.Refusals != nil {
		setLimitHeaders(c.Writer.Header(), s.limits.refused, *identified.Refusals)
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	requestStateOf(c).caller = identified.Caller
}

// authorization returns the Authorization header. Two lines are joined to an invalid
// value.
func authorization(h http.Header) string {
	switch values := h["Authorization"]; len(values) {
	case 0:
		return ""
	case 1:
		return values[0]
	default:
		return values[0] + " , " + values[1]
	}
}
