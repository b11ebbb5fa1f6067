package httpserver

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

// authenticate verifies the caller's token. It reads only the header.
func (m *middleware) authenticate(c *gin.Context) {
	caller, err := m.identify(c.Request)
	if err != nil {
		m.rejectToken(c, err)
		return
	}
	requestStateOf(c).caller = caller
}

func (m *middleware) identify(r *http.Request) (domain.Caller, error) {
	token, err := domain.BearerToken(authorization(r.Header))
	if err != nil {
		return domain.Caller{}, err
	}
	return m.tokens.Validate(r.Context(), token)
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
