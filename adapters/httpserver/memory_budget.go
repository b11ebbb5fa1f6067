package httpserver

import (
	"io"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

// maxBufferedAnswers bounds what answers of services take together while the gateway
// holds them, in bytes.
const maxBufferedAnswers = 128 << 20

// withMemoryLease runs a handler whose answer comes from a service and is held in memory.
// What the answer takes is given back when it was written.
func (g *gateway) withMemoryLease(handle handler) handler {
	return func(c *gin.Context) error {
		lease := g.memoryBudget.Lease()
		defer lease.Release()
		c.Request = c.Request.WithContext(domain.WithMemory(c.Request.Context(), lease))
		return handle(c)
	}
}

// budgetReader counts what is read from a service before it is handed on. It ends
// with SERVICE_UNAVAILABLE when the budget is used up.
type budgetReader struct {
	io.Reader
	lease   *domain.MemoryLease
	service string
}

// Read counts twice what it reads, because readers to the end make room ahead.
func (r *budgetReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if !r.lease.Grow(2 * int64(n)) {
		return 0, domain.Unavailable(r.service, retryAfter).At("httpserver.held")
	}
	return n, err
}
