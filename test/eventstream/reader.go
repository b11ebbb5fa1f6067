// Package eventstream parses event streams as browsers do (WHATWG HTML, section 9.2.6),
// for tests. It shares no code with the encoder of the service.
package eventstream

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Event is what an EventSource dispatches.
type Event struct {
	// Type is "message" unless the stream names another one.
	Type string
	// Data are the data lines, joined by LF.
	Data string
	// ID is the last event id of the stream at this event.
	ID string
}

// Reader reads events. It is not safe for concurrent use.
type Reader struct {
	in *bufio.Reader
	// Retry is the reconnection time of the stream; zero: none was sent.
	Retry time.Duration
	// Comments is the number of comments so far.
	Comments int

	lastID  string
	skipLF  bool // the previous line ended with CR
	started bool
}

// NewReader returns a reader of the stream.
func NewReader(in io.Reader) *Reader { return &Reader{in: bufio.NewReader(in)} }

// Next returns the next event. At the end of the stream it returns the error of the
// underlying reader; an event that is not complete then is discarded.
func (r *Reader) Next() (Event, error) {
	var data []string
	event := Event{Type: "message"}
	for {
		line, err := r.line()
		if err != nil {
			return Event{}, err
		}
		if line == "" {
			if data == nil {
				event.Type = "message"
				continue
			}
			event.Data, event.ID = strings.Join(data, "\n"), r.lastID
			return event, nil
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "":
			r.Comments++
		case "event":
			event.Type = value
		case "data":
			data = append(data, value)
		case "id":
			if !strings.Contains(value, "\x00") {
				r.lastID = value
			}
		case "retry":
			if ms, err := strconv.ParseUint(value, 10, 31); err == nil {
				r.Retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
}

// line returns the next line without its end: CR, LF or CRLF. A line without an end is
// discarded.
func (r *Reader) line() (string, error) {
	var b strings.Builder
	for {
		c, err := r.in.ReadByte()
		if err != nil {
			return "", err
		}
		skip := r.skipLF && c == '\n'
		r.skipLF = c == '\r'
		switch {
		case skip:
		case c == '\n' || c == '\r':
			line := b.String()
			if !r.started {
				line, r.started = strings.TrimPrefix(line, "\ufeff"), true
			}
			return line, nil
		default:
			b.WriteByte(c)
		}
	}
}

// Request sends the request on the connection and returns the response, whose body is the
// stream. It starts no goroutine: the stream is read when its body is.
func Request(conn net.Conn, r *http.Request, within time.Duration) (*http.Response, error) {
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	if err := r.Write(conn); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil {
		return nil, err
	}
	return response, conn.SetDeadline(time.Time{})
}
