package httpserver

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/adapters/internal/origin"
	"github.com/huleedu/edge/domain"
)

// preflightAge is how long a browser may cache a preflight, in seconds.
const preflightAge = "600"

// originPolicy implements CORS (Fetch standard). All answers share the header
// values.
type originPolicy struct {
	allowed        origin.List
	allowedMethods []string
	anyHeader      bool
	star           []string
	vary           []string
	credentials    []string
	exposed        []string
	methods        []string
	headers        []string
	maxAge         []string
	preflightVary  []string
}

func newOriginPolicy(c corsSettings, environment domain.Environment) *originPolicy {
	p := &originPolicy{
		allowed:        origin.New(c.origins, environment),
		allowedMethods: c.methods,
		anyHeader:      slices.Contains(c.headers, "*"),
		star:           []string{"*"},
		vary:           []string{"Origin"},
		exposed:        []string{exposedHeaders()},
		methods:        []string{strings.Join(c.methods, ", ")},
		headers:        []string{strings.Join(c.headers, ", ")},
		maxAge:         []string{preflightAge},
		preflightVary:  []string{"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"},
	}
	if c.credentials {
		p.credentials = []string{"true"}
	}
	return p
}

// allowsMethod: HEAD needs no permission of its own, it is GET without a body.
func (p *originPolicy) allowsMethod(method string) bool {
	return method == http.MethodHead || p.allowsEveryMethod() || slices.Contains(p.allowedMethods, method)
}

func (p *originPolicy) allowsEveryMethod() bool { return slices.Contains(p.allowedMethods, "*") }

// setAllowHeaders lets pages of the origin read the answer.
func (p *originPolicy) setAllowHeaders(h http.Header, from string) {
	if p.allowed.Any() {
		h["Access-Control-Allow-Origin"] = p.star
	} else {
		h["Access-Control-Allow-Origin"] = []string{from}
	}
	if p.credentials != nil {
		h["Access-Control-Allow-Credentials"] = p.credentials
	}
	h["Access-Control-Expose-Headers"] = p.exposed
}

// preflight sets the headers of the answer to a preflight request.
func (p *originPolicy) preflight(h, asked http.Header) {
	h["Vary"] = p.preflightVary
	h["Access-Control-Allow-Methods"] = p.methods
	if p.allowsEveryMethod() { // browsers take a star literally when credentials are sent
		h["Access-Control-Allow-Methods"] = asked["Access-Control-Request-Method"]
	}
	h["Access-Control-Max-Age"] = p.maxAge
	if !p.anyHeader {
		h["Access-Control-Allow-Headers"] = p.headers
	} else if names := asked["Access-Control-Request-Headers"]; len(names) > 0 {
		h["Access-Control-Allow-Headers"] = names
	}
}

// cors answers preflight requests and sets the CORS headers of other answers. A
// request of another origin is served without them.
func (s *router) cors(c *gin.Context) {
	p, h := s.origins, c.Writer.Header()
	if !p.allowed.Any() {
		h["Vary"] = p.vary
	}
	from := c.Request.Header.Get("Origin")
	if from == "" {
		return
	}
	allowed := p.allowed.Allows(from)
	if allowed {
		p.setAllowHeaders(h, from)
	}
	method := c.Request.Header.Get("Access-Control-Request-Method")
	if c.Request.Method != http.MethodOptions || method == "" {
		return
	}
	h.Del("Allow")
	switch {
	case !allowed:
		s.fail(c, &domain.Error{Code: domain.InvalidRequest, Message: "Disallowed CORS origin"})
	case !p.allowsMethod(method):
		s.fail(c, &domain.Error{Code: domain.InvalidRequest, Message: "Disallowed CORS method"})
	default:
		p.preflight(h, c.Request.Header)
		c.Abort()
		c.Status(http.StatusNoContent)
		c.Writer.WriteHeaderNow()
	}
}
