package upload

import (
	"io"

	"github.com/huleedu/edge/domain"
)

// budgetReader charges the memory lease of the request for what is read. It returns
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
