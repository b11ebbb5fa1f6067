package main

import (
	"bytes"
	"strconv"
)

// mark is what a message says about itself: the phase that it belongs to, when
// it was sent in nanoseconds, and its number among its user's.
type mark struct {
	phase, at, number int64
}

const (
	markStart = `{"event":"bench","data":{"mark":"`
	markEnd   = `","pad":"`
)

// appendMessage writes a notification of about that size.
func appendMessage(b []byte, m mark, size int) []byte {
	from := len(b)
	b = append(b, markStart...)
	b = strconv.AppendInt(b, m.phase, 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, m.at, 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, m.number, 10)
	b = append(b, markEnd...)
	if missing := size - (len(b) - from) - 3; missing > 0 {
		b = append(b, bytes.Repeat([]byte("x"), missing)...)
	}
	return append(b, `"}}`...)
}

// readMark reads what appendMessage wrote; false for anything else.
func readMark(message []byte) (mark, bool) {
	rest, ours := bytes.CutPrefix(message, []byte(markStart))
	end := bytes.IndexByte(rest, '"')
	if !ours || end < 0 {
		return mark{}, false
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
			return mark{}, false
		}
	}
	return mark{values[0], values[1], values[2]}, field == 2
}
