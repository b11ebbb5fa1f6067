package httpserver

import (
	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

// maxBufferedAnswers bounds the memory of all buffered answers of services, in bytes.
const maxBufferedAnswers = 128 << 20

// withMemoryLease wraps a handler that buffers a service's answer. It releases the
// memory lease when the answer was written.
func (g *gateway) withMemoryLease(handle handler) handler {
	return func(c *gin.Context) error {
		lease := g.memoryBudget.Lease()
		defer lease.Release()
		c.Request = c.Request.WithContext(domain.WithMemory(c.Request.Context(), lease))
		return handle(c)
	}
}
