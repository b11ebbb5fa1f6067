package httpserver

import (
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
)

// limit counts the request against the limit of its class: for the user, or for the
// network of a request without a user.
func (m *middleware) limit(class domain.LimitClass) gin.HandlerFunc {
	limit := m.limits.rules[class]
	return func(c *gin.Context) {
		party := app.UserKey(requestStateOf(c).caller.User)
		if requestStateOf(c).caller.User == "" {
			party = app.NetworkKey(c.Request.Context())
		}
		if err := m.consume(c, party, limit); err != nil {
			m.fail(c, err)
		}
	}
}

// consume counts the request and sets the RateLimit headers. It returns RATE_LIMIT
// over the limit.
func (m *middleware) consume(c *gin.Context, party string, limit domain.Limit) error {
	a := m.limits.limiter.Take(c.Request.Context(), party, limit)
	setLimitHeaders(c.Writer.Header(), limit, a)
	if a.Allowed {
		return nil
	}
	m.observer.Observe(domain.RequestLimited{Class: limit.Class})
	return domain.RateLimited(limit.Max, limit.Window, a.Reset).WithOp("httpserver.limit")
}

// setLimitHeaders sets the RateLimit headers for a decision about a limit.
func setLimitHeaders(h http.Header, limit domain.Limit, a domain.RateDecision) {
	setHeaders(h,
		[2]string{"Ratelimit-Limit", strconv.Itoa(limit.Max)},
		[2]string{"Ratelimit-Remaining", strconv.Itoa(a.Remaining)},
		[2]string{"Ratelimit-Reset", strconv.Itoa(wholeSeconds(a.Reset))})
}
