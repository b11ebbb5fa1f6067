package httpserver

import (
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// LimitsConfig holds the rate limits: the requests of one user, or of one address without
// a user, in a window.
type LimitsConfig struct {
	// Window is the length of a window, which begins with its first request; at least a
	// second.
	Window time.Duration `env:"API_GATEWAY_RATE_LIMIT_WINDOW" envDefault:"60"`
	// Commands is the number of registrations, prompts and pipelines of a user in a window.
	Commands int `env:"API_GATEWAY_RATE_LIMIT_COMMANDS" envDefault:"20"`
	// Uploads is the number of uploads of a user in a window.
	Uploads int `env:"API_GATEWAY_RATE_LIMIT_UPLOADS" envDefault:"50"`
	// Queries is the number of requests about batches of a user in a window.
	Queries int `env:"API_GATEWAY_RATE_LIMIT_QUERIES" envDefault:"100"`
	// Default is the number of other requests of a user, or of an address without a user,
	// in a window.
	Default int `env:"API_GATEWAY_RATE_LIMIT_DEFAULT" envDefault:"100" alias:"API_GATEWAY_RATE_LIMIT_REQUESTS"`
	// Refused is the number of requests without a valid token of an address in a window.
	// Further ones are answered 429 instead of 401.
	Refused int `env:"API_GATEWAY_RATE_LIMIT_REFUSED" envDefault:"100"`
}

// Problems reports every invalid limit.
func (c LimitsConfig) Problems(domain.Environment) []error {
	const prefix = "API_GATEWAY_RATE_LIMIT_"
	var out []error
	if c.Window < time.Second {
		out = append(out, domain.Misconfigured(prefix+"WINDOW", "must be at least a second"))
	}
	return append(out, requirePositive(prefix, "must be at least 1", []bound{
		{"COMMANDS", int64(c.Commands)},
		{"UPLOADS", int64(c.Uploads)},
		{"QUERIES", int64(c.Queries)},
		{"DEFAULT", int64(c.Default)},
		{"REFUSED", int64(c.Refused)},
	})...)
}

// RefusedTokens returns the limit of requests without a valid token.
func (c LimitsConfig) RefusedTokens() domain.Limit {
	return domain.Limit{Class: domain.LimitRefused, Max: c.Refused, Window: c.Window}
}

// limits holds the rate limits of all classes.
type limits struct {
	limiter ports.RateLimiter
	rules   map[domain.LimitClass]domain.Limit
}

func newLimits(l ports.RateLimiter, c LimitsConfig) *limits {
	rules := map[domain.LimitClass]domain.Limit{}
	for class, most := range map[domain.LimitClass]int{
		domain.LimitCommands: c.Commands, domain.LimitUploads: c.Uploads, domain.LimitQueries: c.Queries,
		domain.LimitDefault: c.Default,
	} {
		rules[class] = domain.Limit{Class: class, Max: most, Window: c.Window}
	}
	rules[domain.LimitRefused] = c.RefusedTokens()
	return &limits{l, rules}
}
