package httpserver

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

// cors answers preflight requests and sets the CORS headers of other answers. A
// request of another origin is served without them.
func (m *middleware) cors(c *gin.Context) {
	p, h := m.origins, c.Writer.Header()
	if !p.allowed.Any() {
		h.Set("Vary", "Origin")
	}
	from := c.Request.Header.Get("Origin")
	if from == "" {
		return
	}
	allowed := p.allowed.Allows(from)
	if allowed {
		p.setAllowHeaders(h, from)
	} else {
		m.logRefusedOrigin(c, from)
	}
	method := c.Request.Header.Get("Access-Control-Request-Method")
	if c.Request.Method != http.MethodOptions || method == "" {
		return
	}
	h.Del("Allow")
	switch {
	case !allowed:
		m.fail(c, &domain.Error{Code: domain.InvalidRequest, Message: "Disallowed CORS origin"})
	case !p.allowsMethod(method):
		m.fail(c, &domain.Error{Code: domain.InvalidRequest, Message: "Disallowed CORS method"})
	default:
		p.setPreflightHeaders(h, c.Request)
		c.Abort()
		c.Status(http.StatusNoContent)
		c.Writer.WriteHeaderNow()
	}
}
