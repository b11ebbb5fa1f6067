package proxy

import (
	"net/http"
	"time"

	"github.com/huleedu/edge/domain"
)

// Request is a client's request with what the gateway knows about it. Its context holds
// the ids of the request.
type Request struct {
	*http.Request
	// Caller is the identified user.
	Caller domain.Caller
	// Started is when the request began.
	Started time.Time
	// Endpoint is the template of the route, for metrics.
	Endpoint string
}
