package httpclient

import (
	"errors"
	"net/http"
	"slices"

	"github.com/huleedu/edge/adapters/internal/jsonmember"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// passedStatuses returns the statuses of a preflight that the client receives with their
// body.
func passedStatuses() []int {
	return []int{
		http.StatusBadRequest, http.StatusPaymentRequired, http.StatusNotFound,
		http.StatusConflict, http.StatusTooManyRequests,
	}
}

var errNoAllowed = errors.New(`"allowed" is not one member that is true or false`)

// parsePreflight reads the orchestrator's response. Only status 200 with "allowed": true is a
// permission.
func parsePreflight(a serviceResponse) (ports.PreflightResult, error) {
	if slices.Contains(passedStatuses(), a.status) {
		return newRefusal(a.status, a), nil
	}
	if a.status != http.StatusOK {
		return ports.PreflightResult{}, domain.External(orchestratorName, a.status)
	}
	o, err := jsonmember.Parse(a.body, maxMembers)
	if err != nil {
		return ports.PreflightResult{}, domain.MalformedResponse(orchestratorName, err)
	}
	if found := o.Find("allowed"); len(found) == 1 {
		switch string(o.Value(found[0])) {
		case "true":
			return ports.PreflightResult{Allowed: true}, nil
		case "false":
			return newRefusal(http.StatusPaymentRequired, a), nil
		}
	}
	return ports.PreflightResult{}, domain.MalformedResponse(orchestratorName, errNoAllowed)
}

func newRefusal(status int, a serviceResponse) ports.PreflightResult {
	return ports.PreflightResult{Refusal: &ports.Passthrough{Status: status, ContentType: a.contentType, RetryAfter: a.retryAfter, Body: a.body}}
}
