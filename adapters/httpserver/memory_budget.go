package httpserver

import (
	"io"

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

// budgetReader charges the memory lease for what is read. It returns
// SERVICE_UNAVAILABLE when the budget is exhausted.
type budgetReader struct {
	io.Reader
	lease   *domain.MemoryLease
	service string
}

// Read charges twice what it reads, because io.ReadAll allocates ahead.
func (r *budgetReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if !r.lease.Grow(2 * int64(n)) {
		return 0, domain.Unavailable(r.service, retryAfter).WithOp("httpserver.held")
	}
	return n, err
}
