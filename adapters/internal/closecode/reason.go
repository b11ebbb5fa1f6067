package closecode

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// maxReason is the maximum size of a reason, in bytes: the payload of a control frame without
	// the status. The message is truncated to fit.
	maxReason = 123
	// maxMessage is the maximum length of the message in a reason, in characters. A longer one
	// is truncated.
	maxMessage = 50
)

// Reason returns the text of the close: compact JSON of at most 123 bytes, or
// an empty string for a close without a code. A correlation id that is not plain is
// omitted; the message gets the remaining room.
func (c Close) Reason(correlation string) string {
	if c.Status == ConnectionLimit {
		correlation = "" // clients compare the whole reason
	}
	if c.Code == "" {
		return ""
	}
	head, tail := `{"error_code":"`+string(c.Code)+`","message":"`, `"}`
	if isPlain(correlation) {
		tail = `","correlation_id":"` + correlation + `"}`
	}
	return head + truncate(c.Message, maxReason-len(head)-len(tail)) + tail
}

// isPlain reports whether the id needs no escape and is short enough for every code.
func isPlain(id string) bool {
	const longest = 36 // a UUID
	return id != "" && len(id) <= longest && !strings.ContainsFunc(id, func(r rune) bool {
		return r <= ' ' || r >= utf8.RuneSelf || r == '"' || r == '\\'
	})
}

// truncate escapes as much of the message as fits into room bytes of a JSON string,
// in whole characters.
func truncate(message string, room int) string {
	var b strings.Builder
	characters := 0
	for _, r := range message {
		text := escape(r)
		if characters == maxMessage || b.Len()+len(text) > room {
			break
		}
		characters++
		b.WriteString(text)
	}
	return b.String()
}

// escape returns the character as it is written in a JSON string.
func escape(r rune) string {
	switch {
	case r == '"' || r == '\\':
		return `\` + string(r)
	case r < ' ':
		return fmt.Sprintf(`\u%04x`, r)
	default:
		return string(r)
	}
}
