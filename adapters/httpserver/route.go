package httpserver

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

// Caller says who may use a route. A route without one is refused at start.
type Caller string

// The callers.
const (
	// Anyone needs no credentials.
	Anyone Caller = "anyone"
	// User needs a valid token.
	User Caller = "user"
)

// LimitClass says which of a caller's rate limits a route counts against. A
// route without one is refused at start.
type LimitClass string

// The limit classes.
const (
	LimitNone     LimitClass = "none"
	LimitDefault  LimitClass = "default"
	LimitCommands LimitClass = "commands"
	LimitUploads  LimitClass = "uploads"
	LimitQueries  LimitClass = "queries"
)

// Route is one operation that a server answers.
type Route struct {
	// Method is an HTTP method; every GET is also listed as HEAD.
	Method string
	// Path is the route's template, its variables in braces.
	Path string
	// Caller is who may use it.
	Caller Caller
	// Limit is the class it is counted in.
	Limit LimitClass
}

// handler answers a request or returns why it cannot. Having written anything,
// it returns nil, or an error that cuts the connection.
type handler func(c *gin.Context) error

// routeDef is an entry of a service's route table.
type routeDef struct {
	method string
	path   string
	caller Caller
	limit  LimitClass
	handle handler
}

// addRoutes registers a table; each GET is also registered as HEAD.
func (s *router) addRoutes(table []routeDef) error {
	for _, r := range table {
		if !r.isComplete() {
			return domain.NotStarted("route "+r.method+" "+r.path, nil)
		}
		s.addRoute(r)
		if r.method == http.MethodGet {
			r.method = http.MethodHead
			s.addRoute(r)
		}
	}
	return nil
}

func (s *router) addRoute(r routeDef) {
	s.routeList = append(s.routeList, Route{Method: r.method, Path: r.path, Caller: r.caller, Limit: r.limit})
	s.engine.Handle(r.method, pattern(r.path), s.chain(r)...)
}

// isComplete reports whether all required fields are set.
func (r routeDef) isComplete() bool {
	switch r.caller {
	case Anyone, User:
	default:
		return false
	}
	switch r.limit {
	case LimitNone, LimitDefault, LimitCommands, LimitUploads, LimitQueries:
	default:
		return false
	}
	return r.handle != nil
}

// pattern translates a template to gin's syntax: {batch_id} becomes :batch_id, and
// {path}, which matches any number of segments, becomes *path.
func pattern(template string) string {
	return strings.NewReplacer("{path}", "*path", "{", ":", "}", "").Replace(template)
}
