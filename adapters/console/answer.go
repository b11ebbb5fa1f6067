package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Answer is a service's refusal, made readable.
type Answer struct {
	// Status is the HTTP status, or 0 for a close of a socket.
	Status int
	// Code, Message, Correlation and Details are the standard error's; Code is
	// empty for an answer that another service gave.
	Code        string
	Message     string
	Correlation string
	Details     map[string]any
}

// readAnswer understands the standard error and, failing that, shows the
// beginning of whatever came.
func readAnswer(status int, raw []byte) *Answer {
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
		return &Answer{Status: status, Code: e.Code, Message: e.Message, Correlation: e.Correlation, Details: e.Details}
	}
	const shown = 300
	return &Answer{Status: status, Message: strings.TrimSpace(string(raw[:min(len(raw), shown)]))}
}

// Error prints the refusal over a few lines: what happened, then each detail,
// then the id to quote to an operator.
func (a *Answer) Error() string {
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
