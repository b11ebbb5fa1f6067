package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gorilla/websocket"
)

// ServiceError is an error response or a close frame of one of the services.
type ServiceError struct {
	// Status is the HTTP status. It is 0 for a close frame.
	Status int
	// Code, Message, Correlation and Details are the fields of the standard error.
	// Code is empty when the response is not a standard error.
	Code        string
	Message     string
	Correlation string
	Details     map[string]any
}

// parseServiceError decodes a standard error response. When the body is not a
// standard error, it returns the first bytes of the body as the message.
func parseServiceError(status int, raw []byte) *ServiceError {
	var in struct {
		Error struct {
			Code        string         `json:"code"`
			Message     string         `json:"message"`
			Correlation string         `json:"correlation_id"`
			Details     map[string]any `json:"details"`
		} `json:"error"`
	}
	if json.Unmarshal(raw, &in) == nil && in.Error.Code != "" {
		e := in.Error
		return &ServiceError{Status: status, Code: e.Code, Message: e.Message, Correlation: e.Correlation, Details: e.Details}
	}
	const shown = 300
	return &ServiceError{Status: status, Message: strings.TrimSpace(string(raw[:min(len(raw), shown)]))}
}

// parseCloseError converts a close frame. The service sends its error as JSON in the
// close reason; any other reason becomes part of the message.
func parseCloseError(closed *websocket.CloseError) *ServiceError {
	var in struct {
		Code        string `json:"error_code"`
		Message     string `json:"message"`
		Correlation string `json:"correlation_id"`
	}
	if json.Unmarshal([]byte(closed.Text), &in) != nil || in.Code == "" {
		return &ServiceError{Code: fmt.Sprintf("close %d", closed.Code), Message: "The service closed the connection: " + closed.Text}
	}
	return &ServiceError{Code: fmt.Sprintf("%s, close %d", in.Code, closed.Code), Message: in.Message, Correlation: in.Correlation}
}

// Error formats the error on several lines: the message, each detail, and the
// correlation id.
func (e *ServiceError) Error() string {
	var b strings.Builder
	switch {
	case e.Code == "":
		fmt.Fprintf(&b, "refused with %d: %s", e.Status, e.Message)
	case e.Status == 0:
		fmt.Fprintf(&b, "%s (%s)", e.Message, e.Code)
	default:
		fmt.Fprintf(&b, "%s (%s, %d)", e.Message, e.Code, e.Status)
	}
	for _, k := range slices.Sorted(maps.Keys(e.Details)) {
		if v, err := json.Marshal(e.Details[k]); err == nil {
			fmt.Fprintf(&b, "\n  %s: %s", k, strings.Trim(string(v), `"`))
		}
	}
	if e.Correlation != "" {
		fmt.Fprintf(&b, "\n  correlation id: %s", e.Correlation)
	}
	return b.String()
}
