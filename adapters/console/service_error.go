package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ServiceError is an error response or a close frame of one of the services.
type ServiceError struct {
	// Status is the HTTP status, or 0 for a close of a socket.
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

// Error formats the error on several lines: the message, each detail, and the
// correlation id.
func (a *ServiceError) Error() string {
	var b strings.Builder
	switch {
	case a.Code == "":
		fmt.Fprintf(&b, "refused with %d: %s", a.Status, a.Message)
	case a.Status == 0:
		fmt.Fprintf(&b, "%s (%s)", a.Message, a.Code)
	default:
		fmt.Fprintf(&b, "%s (%s, %d)", a.Message, a.Code, a.Status)
	}
	for _, k := range slices.Sorted(maps.Keys(a.Details)) {
		v, err := json.Marshal(a.Details[k])
		if err != nil {
			continue
		}
		fmt.Fprintf(&b, "\n  %s: %s", k, strings.Trim(string(v), `"`))
	}
	if a.Correlation != "" {
		fmt.Fprintf(&b, "\n  correlation id: %s", a.Correlation)
	}
	return b.String()
}
