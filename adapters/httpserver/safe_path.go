package httpserver

import (
	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/adapters/httpserver/proxy"
	"github.com/huleedu/edge/domain"
)

// requireSafePath refuses paths that a service may interpret differently.
func (m *middleware) requireSafePath(c *gin.Context) {
	if proxy.IsUnsafePath(c.Request.URL.EscapedPath()) {
		m.fail(c, domain.Invalid("path", "", "no dot segments, encoded slashes or control characters", "Invalid request path"))
	}
}
