package proxy

import (
	"net/http"
	"time"

	"github.com/huleedu/edge/domain"
)

// Request is a client's request with its caller, its start time, from which the time limits
// count, and its route for metrics. Its context holds the ids of the request.
type Request struct {
	*http.Request
	// Caller is the identified user.
	Caller domain.Caller
	// Started is when the request began.
	Started time.Time
	// Endpoint is the template of the route, for metrics.
	Endpoint string
}
