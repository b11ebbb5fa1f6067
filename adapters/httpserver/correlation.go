package httpserver

import (
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/huleedu/edge/domain"
)

// requestIDs takes the correlation id from the header, else from the query, else
// creates one. The request id is always new. replaced reports that the client sent
// an invalid id.
func requestIDs(r *http.Request) (trail domain.RequestContext, replaced bool) {
	sent := ""
	if values := r.Header["X-Correlation-Id"]; len(values) > 0 {
		sent = values[0]
	}
	if sent == "" && strings.Contains(r.URL.RawQuery, "correlation_id=") {
		sent = r.URL.Query().Get("correlation_id")
	}
	id, ok := canonicalUUID(sent)
	if !ok {
		id = uuid.NewString()
	}
	return domain.RequestContext{CorrelationID: id, RequestID: uuid.NewString()}, sent != "" && !ok
}

// canonicalUUID accepts the spellings of a UUID: 32 hexadecimal digits, with
// or without hyphens at their places, bare, in braces or as a URN, in any case.
func canonicalUUID(s string) (string, bool) {
	const urn = "urn:uuid:"
	digits := s
	switch {
	case len(s) > len(urn) && strings.EqualFold(s[:len(urn)], urn):
		digits = s[len(urn):]
	case len(s) > 1 && s[0] == '{' && s[len(s)-1] == '}':
		digits = s[1 : len(s)-1]
	}
	if len(digits) != 36 && len(digits) != 32 {
		return "", false
	}
	id, err := uuid.Parse(digits)
	switch {
	case err != nil:
		return "", false
	case len(digits) == 36 && digits == strings.ToLower(digits):
		return digits, true
	default:
		return id.String(), true
	}
}
