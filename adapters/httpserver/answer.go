package httpserver

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

// timestampLayout is UTC with microseconds and its offset spelled out.
const timestampLayout = "2006-01-02T15:04:05.000000-07:00"

// fail answers an error. If the client has disconnected, it records status 499 and
// closes the connection without an answer.
func (s *router) fail(c *gin.Context, err error) {
	if clientLeft(c, err) {
		requestStateOf(c).status = statusClientGone
		panic(http.ErrAbortHandler)
	}
	s.writeError(c, domain.As(err))
}

// writeError is the only function that writes error answers. It ends the chain. If
// the answer has already begun, it closes the connection, so that the client does not
// accept a partial answer as complete.
func (s *router) writeError(c *gin.Context, e *domain.Error) {
	c.Abort()
	status := s.recordError(requestStateOf(c), e)
	if c.Writer.Written() {
		panic(http.ErrAbortHandler)
	}
	h := c.Writer.Header()
	s.setErrorHeaders(h, e, status)
	body := append(make([]byte, 0, 512), `{"error":`...)
	body = s.appendError(body, requestStateOf(c).trail, e)
	body = append(body, '}')
	s.writeResponse(c, status, s.fixedHeaders.json, body)
}

// recordError records the error once, for the log line, the metric and the span.
func (s *router) recordError(x *requestState, e *domain.Error) (status int) {
	x.failure = e
	s.observer.Observe(domain.RequestFailed{Endpoint: x.endpoint.template, Code: e.Code})
	s.recordSpanError(x, e)
	if status = StatusOf(e); status == 0 {
		status = http.StatusInternalServerError
	}
	return status
}

// setErrorHeaders sets the headers that some statuses require.
func (s *router) setErrorHeaders(h http.Header, e *domain.Error, status int) {
	switch status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", challenge(e))
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(wholeSeconds(e.RetryAfter)))
		return
	case http.StatusUpgradeRequired:
		h.Set("Upgrade", "websocket")
		h.Add("Connection", "Upgrade")
		h.Set("Sec-WebSocket-Version", "13")
	}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(wholeSeconds(e.RetryAfter)))
	}
}

// challenge returns the WWW-Authenticate value (RFC 6750 section 3). It has no error
// attribute if there were no credentials.
func challenge(e *domain.Error) string {
	const realm = `Bearer realm="huleedu"`
	switch e.Reason {
	case domain.ReasonNoCredentials:
		return realm
	case domain.ReasonMalformedCredentials:
		return realm + `, error="invalid_request", error_description="` + e.Message + `"`
	default:
		return realm + `, error="invalid_token", error_description="` + e.Message + `"`
	}
}

// wholeSeconds rounds up to at least one second.
func wholeSeconds(d time.Duration) int { return max(int(math.Ceil(d.Seconds())), 1) }

// appendError appends the object for "error" with its fixed keys.
func (s *router) appendError(b []byte, trail domain.RequestContext, e *domain.Error) []byte {
	b = append(b, `{"code":"`...)
	b = append(b, e.Code...)
	b = append(b, `","message":`...)
	b = appendQuoted(b, clipRunes(e.Message, maxMessage))
	b = append(b, `,"correlation_id":"`...)
	b = append(b, trail.CorrelationID...)
	b = append(b, `","request_id":"`...)
	b = append(b, trail.RequestID...)
	b = append(b, `","service":"`...)
	b = append(b, s.service...)
	b = append(b, `","timestamp":"`...)
	b = time.Now().UTC().AppendFormat(b, timestampLayout)
	b = append(b, `","details":`...)
	return append(appendDetails(b, e.PublicDetails()), '}')
}

// Bounds of an error answer, so that none exceeds 64 KiB whatever its request or
// a service's answer held. They are the last line: each error bounds by itself
// what it repeats.
const (
	// maxMessage is in characters, each of which may take six bytes of JSON.
	maxMessage = 1000
	// maxDetails is in bytes of JSON.
	maxDetails = 56 << 10
)

// clipRunes returns at most the first n characters of a text.
func clipRunes(text string, n int) string {
	if len(text) <= n {
		return text
	}
	runes := 0
	for at := range text {
		if runes == n {
			return text[:at]
		}
		runes++
	}
	return text
}

// appendDetails appends the details as an object. Details that cannot be encoded or
// are too large are omitted.
func appendDetails(b []byte, details map[string]any) []byte {
	if len(details) == 0 {
		return append(b, `{}`...)
	}
	text, err := plainJSON(details)
	switch {
	case err != nil:
		return append(b, `{}`...)
	case len(text) > maxDetails:
		return append(b, `{"truncated":true}`...)
	default:
		return append(b, text...)
	}
}

// plainJSON encodes without HTML escapes.
func plainJSON(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, domain.Unknown(err).WithOp("httpserver.plainJSON")
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}
