package httpserver

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// Caller is who may use a route. The server does not start with a route without one.
type Caller string

// The callers.
const (
	// Anyone needs no credentials.
	Anyone Caller = "anyone"
	// User needs a valid token.
	User Caller = "user"
)

// LimitClass is the rate limit of a caller that a route counts against. The server does
// not start with a route without one.
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

// handler answers a request or returns an error, which is then answered. An error after
// the first byte of an answer closes the connection.
type handler func(c *gin.Context) error

// routeDef is an entry of a service's route table.
type routeDef struct {
	method string
	path   string
	caller Caller
	limit  LimitClass
	handle handler
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

// pattern returns the path in gin's syntax: {batch_id} becomes :batch_id, and {path},
// which matches any number of segments, becomes *path.
func (r routeDef) pattern() string {
	return strings.NewReplacer("{path}", "*path", "{", ":", "}", "").Replace(r.path)
}

// mounted adapts a standard handler.
func mounted(h http.Handler) handler {
	return func(c *gin.Context) error {
		h.ServeHTTP(c.Writer, c.Request)
		return nil
	}
}
