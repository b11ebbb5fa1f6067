package main

import (
	"bytes"
	"strconv"
)

// messageTag identifies a message: its phase, the send time in Unix nanoseconds, and its
// number among the messages to the user.
type messageTag struct {
	phase, at, number int64
}

const (
	tagStart = `{"event":"bench","data":{"mark":"`
	tagEnd   = `","pad":"`
)

// appendMessage appends a notification with at least the given size in bytes.
func appendMessage(b []byte, m messageTag, size int) []byte {
	from := len(b)
	b = append(b, tagStart...)
	b = strconv.AppendInt(b, m.phase, 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, m.at, 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, m.number, 10)
	b = append(b, tagEnd...)
	if missing := size - (len(b) - from) - 3; missing > 0 {
		b = append(b, bytes.Repeat([]byte("x"), missing)...)
	}
	return append(b, `"}}`...)
}

// parseTag parses a message of appendMessage, also inside the message of another server. It returns
// false for other messages.
func parseTag(message []byte) (messageTag, bool) {
	_, rest, ours := bytes.Cut(message, []byte(tagStart))
	end := bytes.IndexByte(rest, '"')
	if !ours || end < 0 {
		return messageTag{}, false
	}
	var values [3]int64
	field := 0
	for _, c := range rest[:end] {
		switch {
		case c == ' ' && field < 2:
			field++
		case c >= '0' && c <= '9':
			values[field] = values[field]*10 + int64(c-'0')
		default:
			return messageTag{}, false
		}
	}
	return messageTag{values[0], values[1], values[2]}, field == 2
}
