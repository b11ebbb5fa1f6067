package httpserver

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// CanonicalUUID judges a client's correlation id.
func CanonicalUUID(s string) (string, bool) { return canonicalUUID(s) }

// PipelineRequest decodes a pipeline request's body.
func PipelineRequest(body []byte, batch domain.BatchID) (domain.PipelineRequest, error) {
	return pipelineRequest(body, batch)
}

// RegistrationRequest decodes a registration's body.
func RegistrationRequest(body []byte) (domain.Registration, error) { return registrationRequest(body) }

// PromptRequest decodes a prompt's body.
func PromptRequest(body []byte) (domain.PromptRef, error) { return promptRequest(body) }

// BatchQuery decodes a list request's query.
func BatchQuery(values url.Values) (domain.BatchQuery, error) { return batchQuery(values) }

// Crooked judges a path as it was sent.
func Crooked(escaped string) bool { return isUnsafePath(escaped) }

// Stated reports whether a route with these words may be registered.
func Stated(caller Caller, limit LimitClass) bool {
	s := &router{limits: &limits{}}
	if err := s.setUpEngine(); err != nil {
		return false
	}
	return s.addRoutes([]routeDef{{"GET", "/x", caller, limit, noRoute}}) == nil
}

// Handler is the server's chain without its socket.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// Network is where a request from a remote address comes from.
func Network(trusted, remote string, forwarded []string) (string, error) {
	list, err := parseProxies(trusted)
	if err != nil {
		return "", err
	}
	return list.network(&http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": forwarded}}), nil
}

// CopyForm copies a form and returns the copy's boundary.
func CopyForm(in io.Reader, boundary string, out io.Writer, maxFiles int) (string, error) {
	f := newForm(in, boundary, out, maxFiles)
	err := f.copy()
	return f.out.Boundary(), err
}

// Members reads an object, the last of two equal keys.
func Members(raw json.RawMessage) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	eachMember(raw, func(key, value json.RawMessage) bool {
		out[unquoted(key)] = value
		return true
	})
	return out
}

// Items reads an array.
func Items(raw json.RawMessage) []json.RawMessage {
	out := []json.RawMessage{}
	eachItem(raw, func(item json.RawMessage) bool {
		out = append(out, item)
		return true
	})
	return out
}

// Unquoted reads a string.
func Unquoted(raw json.RawMessage) string { return unquoted(raw) }

// RecentProbe asks a probe once a second.
func RecentProbe(p ports.HealthProbe) ports.HealthProbe { return &cachedProbe{probe: p} }
