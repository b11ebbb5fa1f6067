package httpserver

import (
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

// limit counts the request against the limit of its class and key.
func (m *middleware) limit(class domain.LimitClass) gin.HandlerFunc {
	limit := m.limits.rules[class]
	return func(c *gin.Context) {
		party := m.limits.limitKey(requestStateOf(c).caller.User, c.Request)
		if err := m.consume(c, party, limit); err != nil {
			m.fail(c, err)
		}
	}
}

// rejectToken answers a request without a valid token and counts it against the limit
// of its address.
func (m *middleware) rejectToken(c *gin.Context, cause error) {
	if domain.CodeOf(cause) == domain.AuthenticationError {
		if err := m.consume(c, m.limits.limitKey("", c.Request), m.limits.rules[domain.LimitRefused]); err != nil {
			cause = err
		}
	}
	m.fail(c, cause)
}

// consume counts the request and sets the RateLimit headers. It returns RATE_LIMIT
// over the limit.
func (m *middleware) consume(c *gin.Context, party string, limit domain.Limit) error {
	a := m.limits.limiter.Take(c.Request.Context(), party, limit)
	h := c.Writer.Header()
	h.Set("Ratelimit-Limit", strconv.Itoa(limit.Max))
	h.Set("Ratelimit-Remaining", strconv.Itoa(a.Remaining))
	h.Set("Ratelimit-Reset", strconv.Itoa(wholeSeconds(a.Reset)))
	if a.Allowed {
		return nil
	}
	m.observer.Observe(domain.RequestLimited{Class: limit.Class})
	return domain.RateLimited(limit.Max, limit.Window, a.Reset).WithOp("httpserver.limit")
}
