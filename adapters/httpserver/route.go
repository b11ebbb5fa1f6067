package httpserver

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

// Access is who may use a route. The server does not start with a route without one.
type Access string

const (
	// Anyone is the access of a route that needs no credentials.
	Anyone Access = "anyone"
	// User is the access of a route that needs a valid token.
	User Access = "user"
	// Operator is the access of a route that needs ADMIN_TOKEN. Only the admin listener has
	// such routes.
	Operator Access = "operator"
)

// LimitNone is the class of routes that are never limited. The server does not start with a
// route without a class.
const LimitNone domain.LimitClass = "none"

// Route is one operation that a server answers.
type Route struct {
	// Method is an HTTP method; every GET is also listed as HEAD.
	Method string
	// Path is the route's template, its variables in braces.
	Path string
	// Access is who may use it.
	Access Access
	// Limit is the class of requests that it is counted in.
	Limit domain.LimitClass
}

// handler answers a request or returns an error, which is then answered. An error after
// the first byte of an answer closes the connection.
type handler func(c *gin.Context) error

// routeDef is an entry of a service's route table.
type routeDef struct {
	method string
	path   string
	access Access
	limit  domain.LimitClass
	handle handler
}

// isComplete reports whether all required fields are set.
func (r routeDef) isComplete() bool {
	limited := r.limit == LimitNone || slices.Contains(domain.LimitClasses(), r.limit)
	return limited && slices.Contains([]Access{Anyone, User, Operator}, r.access) && r.handle != nil
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
