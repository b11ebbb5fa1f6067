package httpserver

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/adapters/httpserver/decode"
	"github.com/huleedu/edge/adapters/httpserver/requestbody"
	"github.com/huleedu/edge/domain"
)

// timestampLayout is the layout of an error's time: UTC with microseconds and its offset.
const timestampLayout = "2006-01-02T15:04:05.000000-07:00"

// Bounds of an error answer, so that none exceeds 64 KiB whatever its request or a
// service's answer contains. Each error also bounds by itself what it repeats.
const (
	// maxMessage is the maximum length of a message in characters, each up to six bytes of JSON.
	maxMessage = 1000
	// maxDetails is the maximum size of the details, in bytes of JSON.
	maxDetails = 56 << 10
)

// fail answers an error. If the client has disconnected, it records status 499 and
// closes the connection without an answer.
func (s *responder) fail(c *gin.Context, err error) {
	if clientLeft(c, err) {
		requestStateOf(c).status = statusClientGone
		panic(http.ErrAbortHandler)
	}
	s.writeError(c, domain.As(err))
}

// clientLeft reports whether the client disconnected before its answer. net/http detects
// that only after the body was read. An expired read deadline of the gateway does not
// count.
func clientLeft(c *gin.Context, err error) bool {
	return errors.Is(err, requestbody.ErrClientLeft) ||
		errors.Is(c.Request.Context().Err(), context.Canceled) && !requestbody.Of(c.Request).TimedOut()
}

// writeError is the only function that writes error answers. It ends the chain. If
// the answer has already begun, it closes the connection, so that the client does not
// accept a partial answer as complete.
func (s *responder) writeError(c *gin.Context, e *domain.Error) {
	c.Abort()
	status := s.recordError(requestStateOf(c), e)
	if c.Writer.Written() {
		panic(http.ErrAbortHandler)
	}
	setErrorHeaders(c.Writer.Header(), e, status)
	s.writeResponse(c, status, contentJSON, []byte(`{"error":`), s.errorBody(c, e), []byte(`}`))
}

// recordError records the error once, for the log line, the metric and the span. It
// returns the status of the answer.
func (s *responder) recordError(x *requestState, e *domain.Error) (status int) {
	x.failure = e
	s.observer.Observe(domain.RequestFailed{Endpoint: x.endpoint.template, Code: e.Code})
	recordSpanError(x.span, s.service, e)
	if status = StatusOf(e); status == 0 {
		status = http.StatusInternalServerError
	}
	return status
}

// setErrorHeaders sets the headers that some statuses require.
func setErrorHeaders(h http.Header, e *domain.Error, status int) {
	switch status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", challenge(e))
	case http.StatusUpgradeRequired:
		h.Set("Upgrade", "websocket")
		h.Add("Connection", "Upgrade")
		h.Set("Sec-WebSocket-Version", "13")
	}
	if e.RetryAfter > 0 || status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
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

// standardError is the error object of all answers.
type standardError struct {
	Code        domain.Code     `json:"code"`
	Message     string          `json:"message"`
	Correlation string          `json:"correlation_id"`
	Request     string          `json:"request_id"`
	Service     domain.Service  `json:"service"`
	Timestamp   string          `json:"timestamp"`
	Details     json.RawMessage `json:"details"`
}

// errorBody returns the standard error as JSON.
func (s *responder) errorBody(c *gin.Context, e *domain.Error) json.RawMessage {
	ids := requestStateOf(c).ids
	body, _ := domain.EncodeJSON(standardError{ // it holds only texts and valid JSON
		Code: e.Code, Message: decode.Clip(e.Message, maxMessage), Correlation: ids.CorrelationID, Request: ids.RequestID,
		Service: s.service, Timestamp: time.Now().UTC().Format(timestampLayout), Details: encodeDetails(e.PublicDetails()),
	})
	return body
}

// encodeDetails returns the details as a JSON object. Details that cannot be encoded or
// are too large are left out.
func encodeDetails(details map[string]any) json.RawMessage {
	text, err := domain.EncodeJSON(details)
	switch {
	case err != nil || details == nil:
		return json.RawMessage(`{}`)
	case len(text) > maxDetails:
		return json.RawMessage(`{"truncated":true}`)
	default:
		return text
	}
}
