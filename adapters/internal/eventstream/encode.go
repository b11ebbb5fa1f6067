// Package eventstream encodes server-sent events (WHATWG HTML, section 9.2).
package eventstream

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/huleedu/edge/adapters/internal/closecode"
	"github.com/huleedu/edge/app/delivery"
)

// Comment is a line that clients ignore. It keeps proxies from closing an idle connection.
const Comment = ":\n\n"

// The time after which a client reconnects is random, to spread the clients of a node that has
// failed.
const (
	// minRetry is the shortest time after which a client reconnects.
	minRetry = time.Second
	// maxRetry is the longest time after which a client reconnects.
	maxRetry = 5 * time.Second
)

// appendRetry appends the time after which the client reconnects when the stream ends.
func appendRetry(out []byte) []byte {
	out = append(out, "retry: "...)
	out = strconv.AppendInt(out, (minRetry + rand.N(maxRetry-minRetry)).Milliseconds(), 10)
	return append(out, "\n\n"...)
}

// AppendFrame appends the event of a frame. Its id is the position from which the client
// resumes; frames that do not change the position have none.
func AppendFrame(out []byte, f delivery.Frame) []byte {
	const most = len("id: 18446744073709551615-18446744073709551615\ndata: \n\n") // for text of one line
	out = slices.Grow(out, len(f.Payload)+most)
	if at := f.Position(); at != "" {
		out = append(out, "id: "...)
		out = append(out, at...)
		out = append(out, '\n')
	}
	return appendData(out, f.Payload)
}

// appendData appends the data lines of an event and its end. CR, LF and CRLF each end a
// line; the client joins the lines with LF.
func appendData(out, payload []byte) []byte {
	for {
		line, rest, more := cutLine(payload)
		out = append(out, "data: "...)
		out = append(out, line...)
		out = append(out, '\n')
		if !more {
			return append(out, '\n')
		}
		payload = rest
	}
}

// cutLine returns the text before and after the first end of a line. more is false when
// there is none.
func cutLine(text []byte) (line, rest []byte, more bool) {
	at := bytes.IndexAny(text, "\r\n")
	if at < 0 {
		return text, nil, false
	}
	rest = text[at+1:]
	if text[at] == '\r' && len(rest) > 0 && rest[0] == '\n' {
		rest = rest[1:]
	}
	return text[:at], rest, true
}

// AppendClose appends the last event of a stream, which tells the client why it ends.
func AppendClose(out []byte, c closecode.Close, correlation string) []byte {
	reason := c.Reason(correlation)
	if reason == "" {
		reason = "null"
	}
	out = append(out, `event: close`+"\n"+`data: {"code":`...)
	out = strconv.AppendInt(out, int64(c.Status), 10)
	out = append(out, `,"reason":`...)
	out = append(out, reason...)
	return append(out, "}\n\n"...)
}
