package httpserver

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/adapters/internal/bearer"
	"github.com/huleedu/edge/domain"
)

// authenticate verifies the caller's token. It reads only the header.
func (m *middleware) authenticate(c *gin.Context) {
	token, malformed := bearer.Token(authorization(c.Request.Header))
	identified, err := m.authentication.Identify(c.Request.Context(), token, malformed)
	if identified.Refusals != nil {
		setLimitHeaders(c.Writer.Header(), m.limits.rules[domain.LimitRefused], *identified.Refusals)
	}
	if err != nil {
		m.fail(c, err)
		return
	}
	requestStateOf(c).caller = identified.Caller
}

// authorizeOperator refuses a request that the operators' guard does not admit.
func (m *middleware) authorizeOperator(c *gin.Context) {
	if err := m.operators.Check(authorization(c.Request.Header)); err != nil {
		m.fail(c, err)
	}
}

// authorization returns the Authorization header. Two lines are joined to an invalid
// value.
func authorization(h http.Header) string {
	return strings.Join(h["Authorization"], " , ")
}
