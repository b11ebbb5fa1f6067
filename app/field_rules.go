package app

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/huleedu/edge/domain"
)

func isOneOf(words []string) func(json.RawMessage) bool {
	return func(raw json.RawMessage) bool { return slices.Contains(words, domain.StringValue(raw)) }
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == null }

func isBool(raw json.RawMessage) bool { return string(raw) == "true" || string(raw) == "false" }

func isOptionalString(raw json.RawMessage) bool {
	return isNull(raw) || bytes.HasPrefix(raw, []byte(`"`))
}

// isTime accepts null and ISO 8601 date-times with or without a zone, because the
// platform's services write both.
func isTime(raw json.RawMessage) bool {
	if isNull(raw) {
		return true
	}
	s := domain.StringValue(raw)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999"} {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}

// withUTCOffset returns a time as a JSON string in which UTC is +00:00, as the
// platform's clients expect. Other zones, and times without a zone, are unchanged.
func withUTCOffset(raw json.RawMessage) json.RawMessage {
	text, utc := strings.CutSuffix(domain.StringValue(raw), "Z")
	if !utc {
		return raw
	}
	return json.RawMessage(strconv.Quote(text + "+00:00"))
}

// formatTime returns a time as a JSON string, in UTC with microseconds.
func formatTime(t time.Time) string {
	return strconv.Quote(t.UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
}
