package httpclient

import (
	"errors"
	"net/http"
	"slices"

	"github.com/huleedu/edge/domain"
)

// passedStatuses lists the statuses of a preflight that reach the client with their
// body.
func passedStatuses() []int {
	return []int{
		http.StatusBadRequest, http.StatusPaymentRequired, http.StatusNotFound,
		http.StatusConflict, http.StatusTooManyRequests,
	}
}

var errNoAllowed = errors.New(`"allowed" is not there once, as true or false`)

// parsePreflight reads the orchestrator's answer. Only a 200 that plainly allows is a
// permission.
func parsePreflight(a serviceResponse) (domain.Verdict, error) {
	if slices.Contains(passedStatuses(), a.status) {
		return newRefusal(a.status, a), nil
	}
	if a.status != http.StatusOK {
		return domain.Verdict{}, domain.External(orchestratorName, a.status)
	}
	o, err := parseObject(a.body)
	if err != nil {
		return domain.Verdict{}, domain.MalformedResponse(orchestratorName, err)
	}
	allowed := o.find("allowed")
	switch {
	case len(allowed) == 1 && string(o.value(allowed[0])) == "true":
		return domain.Verdict{Allowed: true}, nil
	case len(allowed) == 1 && string(o.value(allowed[0])) == "false":
		return newRefusal(http.StatusPaymentRequired, a), nil
	default:
		return domain.Verdict{}, domain.MalformedResponse(orchestratorName, errNoAllowed)
	}
}

func newRefusal(status int, a serviceResponse) domain.Verdict {
	return domain.Verdict{Refusal: &domain.Refusal{Status: status, ContentType: a.contentType, RetryAfter: a.retryAfter, Body: a.body}}
}
