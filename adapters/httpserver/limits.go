package httpserver

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// LimitsConfig says how many requests a party may make per class and window.
type LimitsConfig struct {
	// Window is how long a party's window lasts from its first request on; at
	// least a second.
	Window time.Duration `env:"API_GATEWAY_RATE_LIMIT_WINDOW" envDefault:"60"`
	// Commands is how many registrations, prompts and pipelines a user may send
	// in a window.
	Commands int `env:"API_GATEWAY_RATE_LIMIT_COMMANDS" envDefault:"20"`
	// Uploads is how many uploads a user may send in a window.
	Uploads int `env:"API_GATEWAY_RATE_LIMIT_UPLOADS" envDefault:"50"`
	// Queries is how many questions about batches a user may ask in a window.
	Queries int `env:"API_GATEWAY_RATE_LIMIT_QUERIES" envDefault:"100"`
	// Default is how many other requests a user, or an address without a user,
	// may make in a window.
	Default int `env:"API_GATEWAY_RATE_LIMIT_DEFAULT" envDefault:"100" alias:"API_GATEWAY_RATE_LIMIT_REQUESTS"`
	// Refused is how many requests without a good token an address may make in
	// a window before they are answered 429 instead of 401.
	Refused int `env:"API_GATEWAY_RATE_LIMIT_REFUSED" envDefault:"100"`
}

// Problems reports every limit that cannot be kept.
func (c LimitsConfig) Problems(domain.Environment) []error {
	const prefix = "API_GATEWAY_RATE_LIMIT_"
	var out []error
	if c.Window < time.Second {
		out = append(out, domain.Misconfigured(prefix+"WINDOW", "must be at least a second"))
	}
	for _, limit := range []struct {
		name string
		most int
	}{
		{"COMMANDS", c.Commands},
		{"UPLOADS", c.Uploads},
		{"QUERIES", c.Queries},
		{"DEFAULT", c.Default},
		{"REFUSED", c.Refused},
	} {
		if limit.most < 1 {
			out = append(out, domain.Misconfigured(prefix+limit.name, "must be at least 1"))
		}
	}
	return out
}

// limitRule is the limit of one class with its header value.
type limitRule struct {
	domain.Limit
	most []string
}

// limits holds the rate limits of all classes.
type limits struct {
	limiter ports.RateLimiter
	trusted trustedProxies
	rules   map[LimitClass]*limitRule
	refused *limitRule
}

func newLimits(l ports.RateLimiter, c LimitsConfig, trusted trustedProxies) *limits {
	of := func(class domain.LimitClass, most int) *limitRule {
		return &limitRule{domain.Limit{Class: class, Max: most, Window: c.Window}, []string{strconv.Itoa(most)}}
	}
	return &limits{
		limiter: l, trusted: trusted,
		rules: map[LimitClass]*limitRule{
			LimitCommands: of(domain.LimitCommands, c.Commands),
			LimitUploads:  of(domain.LimitUploads, c.Uploads),
			LimitQueries:  of(domain.LimitQueries, c.Queries),
			LimitDefault:  of(domain.LimitDefault, c.Default),
		},
		refused: of(domain.LimitRefused, c.Refused),
	}
}

// limit counts the request against the limit of its class: for the user, or for the
// network of a request without a user.
func (s *router) limit(class LimitClass) gin.HandlerFunc {
	r := s.limits.rules[class]
	return func(c *gin.Context) {
		party := app.NetworkKey(c.Request.Context())
		if user := requestStateOf(c).caller.User; user != "" {
			party = app.UserKey(user)
		}
		if err := s.consume(c, party, r); err != nil {
			s.fail(c, err)
		}
	}
}

// consume counts the request and sets the RateLimit headers. It returns RATE_LIMIT
// over the limit.
func (s *router) consume(c *gin.Context, party string, r *limitRule) error {
	a := s.limits.limiter.Take(c.Request.Context(), party, r.Limit)
	setLimitHeaders(c.Writer.Header(), r, a)
	if a.Allowed {
		return nil
	}
	s.observer.Observe(domain.RequestLimited{Class: r.Class})
	return domain.RateLimited(r.Max, r.Window, a.Reset).WithOp("httpserver.limit")
}

// setLimitHeaders sets the RateLimit headers for a decision about a limit.
func setLimitHeaders(h http.Header, r *limitRule, a domain.RateDecision) {
	values := []string{strconv.Itoa(a.Remaining), strconv.Itoa(wholeSeconds(a.Reset))}
	h["Ratelimit-Limit"] = r.most
	h["Ratelimit-Remaining"] = values[0:1:1]
	h["Ratelimit-Reset"] = values[1:2:2]
}
