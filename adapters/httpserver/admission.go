package httpserver

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

// authenticate verifies the caller's token. It reads only the header.
func (s *router) authenticate(c *gin.Context) {
	caller, err := s.identify(c.Request)
	if err != nil {
		s.rejectToken(c, err)
		return
	}
	requestStateOf(c).caller = caller
}

func (s *router) identify(r *http.Request) (domain.Caller, error) {
	token, err := domain.BearerToken(authorization(r.Header))
	if err != nil {
		return domain.Caller{}, err
	}
	return s.tokens.Validate(r.Context(), token)
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
