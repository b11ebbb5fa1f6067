package httpserver

import (
	"net/http"
	"slices"
	"strings"

	"github.com/huleedu/edge/adapters/internal/origin"
	"github.com/huleedu/edge/domain"
)

// preflightAge is how long a browser may cache a preflight, in seconds.
const preflightAge = "600"

// originPolicy decides what pages of other origins may do (CORS, Fetch standard).
type originPolicy struct {
	corsSettings
	allowed origin.List
	refused refusedOrigins
}

func newOriginPolicy(c corsSettings, environment domain.Environment) *originPolicy {
	return &originPolicy{corsSettings: c, allowed: origin.New(c.origins, environment)}
}

// allowsMethod reports whether pages may use the method. HEAD is always allowed: it is GET without a body.
func (p *originPolicy) allowsMethod(method string) bool {
	return method == http.MethodHead || p.allowsEveryMethod() || slices.Contains(p.methods, method)
}

func (p *originPolicy) allowsEveryMethod() bool { return slices.Contains(p.methods, "*") }

// setAllowHeaders lets pages of the origin read the answer.
func (p *originPolicy) setAllowHeaders(h http.Header, from string) {
	h.Set("Access-Control-Allow-Origin", from)
	if p.allowed.Any() {
		h.Set("Access-Control-Allow-Origin", "*")
	}
	if p.credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	h.Set("Access-Control-Expose-Headers",
		"X-Correlation-ID, X-Request-ID, X-Trace-ID, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset")
}

// setPreflightHeaders sets the headers of the answer to a preflight request.
func (p *originPolicy) setPreflightHeaders(h http.Header, r *http.Request) {
	h.Set("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
	h.Set("Access-Control-Allow-Methods", strings.Join(p.methods, ", "))
	if p.allowsEveryMethod() { // browsers take a star literally when credentials are sent
		h["Access-Control-Allow-Methods"] = r.Header["Access-Control-Request-Method"]
	}
	h.Set("Access-Control-Max-Age", preflightAge)
	if !slices.Contains(p.headers, "*") {
		h.Set("Access-Control-Allow-Headers", strings.Join(slices.Concat(p.headers, p.needed[r.URL.Path]), ", "))
	} else if names := r.Header["Access-Control-Request-Headers"]; len(names) > 0 {
		h["Access-Control-Allow-Headers"] = names
	}
}
