package httpclient

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// head is what the head of an answer says, as far as it decides where the
// answer ends and what it means.
type head struct {
	status int
	// length is the body's, in bytes; -1: it ends with its chunks, or with the
	// connection.
	length  int64
	chunked bool
	// ending says that the connection carries no further answer.
	ending      bool
	contentType string
	retryAfter  string

	modern bool // HTTP/1.1
}

var (
	errNoHTTP  = errors.New("not an answer in HTTP/1.1")
	errTooMany = errors.New("head is over its size limit")
)

// readHead reads an answer's head, those of interim answers before it included:
// at most maxDrained bytes in all. It is stricter than net/http, so that no
// answer can be read in two ways: lines end with CR LF and are not folded, and a
// length beside chunks, or two lengths, are refused.
func readHead(in *bufio.Reader) (head, error) {
	room := maxDrained
	for {
		h, err := readOneHead(in, &room)
		switch {
		case err != nil:
			return head{}, err
		case h.status == http.StatusSwitchingProtocols:
			return head{}, errNoHTTP // nobody asked for another protocol
		case h.status >= http.StatusOK:
			return h, nil
		}
	}
}

func readOneHead(in *bufio.Reader, room *int) (head, error) {
	line, err := readLine(in, room)
	if err != nil {
		return head{}, err
	}
	h := head{length: -1}
	if !h.begin(line) {
		return head{}, errNoHTTP
	}
	for {
		line, err := readLine(in, room)
		switch {
		case err != nil:
			return head{}, err
		case len(line) == 0:
			err := h.settle()
			return h, err
		case !h.field(line):
			return head{}, errNoHTTP
		}
	}
}

// readLine reads a line without its end and takes its length off room. It is
// valid until the next read.
func readLine(in *bufio.Reader, room *int) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) && len(line) <= *room {
		var more []byte
		line = bytes.Clone(line)
		more, err = in.ReadSlice('\n')
		line = append(line, more...)
	}
	*room -= len(line)
	switch {
	case *room < 0:
		return nil, errTooMany
	case errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	case len(line) < 2 || line[len(line)-2] != '\r':
		return nil, errNoHTTP
	default:
		return line[:len(line)-2], nil
	}
}

// begin reads the status line: "HTTP/1.1 200 OK".
func (h *head) begin(line []byte) bool {
	const version = "HTTP/1."
	if len(line) < 12 || string(line[:7]) != version || line[8] != ' ' || len(line) > 12 && line[12] != ' ' {
		return false
	}
	h.modern = line[7] == '1'
	status, err := strconv.ParseUint(string(line[9:12]), 10, 16)
	h.status, h.ending = int(status), !h.modern
	return err == nil && status >= 100 && (h.modern || line[7] == '0') && printable(line)
}

// field reads a header field: "Name: value".
func (h *head) field(line []byte) bool {
	name, value, ok := parseField(line)
	if !ok {
		return false
	}
	switch len(name) {
	case len("Connection"):
		if strings.EqualFold(string(name), "Connection") && httpguts.HeaderValuesContainsToken([]string{string(value)}, "close") {
			h.ending = true
		}
	case len("Retry-After"):
		if h.retryAfter == "" && strings.EqualFold(string(name), "Retry-After") {
			h.retryAfter = string(value)
		}
	case len("Content-Type"):
		if h.contentType == "" && strings.EqualFold(string(name), "Content-Type") {
			h.contentType = mediaType(value)
		}
	case len("Content-Length"):
		return !strings.EqualFold(string(name), "Content-Length") || h.measure(value)
	case len("Transfer-Encoding"):
		return !strings.EqualFold(string(name), "Transfer-Encoding") || h.cut(value)
	}
	return true
}

func parseField(line []byte) (name, value []byte, ok bool) {
	name, value, ok = bytes.Cut(line, []byte{':'})
	return name, bytes.Trim(value, " \t"), ok && token(name) && printable(line)
}

// readTrailer reads what stands behind the last chunk. It is believed nothing.
func readTrailer(in *bufio.Reader) error {
	room := maxDrained
	for {
		line, err := readLine(in, &room)
		if err != nil || len(line) == 0 {
			return err
		}
		if _, _, ok := parseField(line); !ok {
			return errNoHTTP
		}
	}
}

// measure reads the body's length.
func (h *head) measure(value []byte) bool {
	for _, c := range value {
		if c < '0' || c > '9' {
			return false
		}
	}
	length, err := strconv.ParseUint(string(value), 10, 63)
	if err != nil || h.length >= 0 && h.length != int64(length) {
		return false
	}
	h.length = int64(length)
	return true
}

// cut reads that the body comes in chunks, the only coding there is.
func (h *head) cut(value []byte) bool {
	again := h.chunked
	h.chunked = true
	return !again && h.modern && strings.EqualFold(string(value), "chunked")
}

// settle decides where the body ends.
func (h *head) settle() error {
	switch {
	case h.chunked && h.length >= 0:
		return errNoHTTP
	case h.status < http.StatusOK, h.status == http.StatusNoContent, h.status == http.StatusNotModified:
		h.length, h.chunked = 0, false
	case !h.chunked && h.length < 0:
		h.ending = true
	}
	return nil
}

// mediaType costs no memory for the usual one.
func mediaType(value []byte) string {
	const usual = "application/json"
	if string(value) == usual {
		return usual
	}
	return string(value)
}

// token reports whether this is a field's name.
func token(name []byte) bool {
	if len(name) == 0 {
		return false
	}
	for _, c := range name {
		if !httpguts.IsTokenRune(rune(c)) {
			return false
		}
	}
	return true
}

// printable refuses control characters; a tab is a space.
func printable(line []byte) bool {
	for _, c := range line {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
