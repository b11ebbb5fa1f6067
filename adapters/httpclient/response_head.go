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

// responseHead holds the fields of a response head that determine its framing, and those that
// callers use.
type responseHead struct {
	status int
	// length is the body's, in bytes; -1: it ends with its chunks, or with the
	// connection.
	length  int64
	chunked bool
	// closeAfter means that the connection carries no further response.
	closeAfter  bool
	contentType string
	retryAfter  string

	http11 bool // HTTP/1.1
}

var (
	errMalformedResponse = errors.New("not an answer in HTTP/1.1")
	errHeadTooLarge      = errors.New("head is over its size limit")
)

// readHead reads a response head and the interim responses before it: at most maxDiscard
// bytes in all. It is stricter than net/http, so that no response has two readings: lines end
// with CR LF and are not folded; Content-Length beside Transfer-Encoding and two different
// lengths are refused.
func readHead(in *bufio.Reader) (responseHead, error) {
	room := maxDiscard
	for {
		h, err := parseHead(in, &room)
		switch {
		case err != nil:
			return responseHead{}, err
		case h.status == http.StatusSwitchingProtocols:
			return responseHead{}, errMalformedResponse // no request asks for another protocol
		case h.status >= http.StatusOK:
			return h, nil
		}
	}
}

func parseHead(in *bufio.Reader, room *int) (responseHead, error) {
	line, err := readLine(in, room)
	if err != nil {
		return responseHead{}, err
	}
	h := responseHead{length: -1}
	if !h.parseStatusLine(line) {
		return responseHead{}, errMalformedResponse
	}
	for {
		line, err := readLine(in, room)
		switch {
		case err != nil:
			return responseHead{}, err
		case len(line) == 0:
			err := h.setFraming()
			return h, err
		case !h.addField(line):
			return responseHead{}, errMalformedResponse
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
		return nil, errHeadTooLarge
	case errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	case len(line) < 2 || line[len(line)-2] != '\r':
		return nil, errMalformedResponse
	default:
		return line[:len(line)-2], nil
	}
}

// parseStatusLine parses the status line: "HTTP/1.1 200 OK".
func (h *responseHead) parseStatusLine(line []byte) bool {
	const version = "HTTP/1."
	if len(line) < 12 || string(line[:7]) != version || line[8] != ' ' || len(line) > 12 && line[12] != ' ' {
		return false
	}
	h.http11 = line[7] == '1'
	status, err := strconv.ParseUint(string(line[9:12]), 10, 16)
	h.status, h.closeAfter = int(status), !h.http11
	return err == nil && status >= 100 && (h.http11 || line[7] == '0') && isPrintable(line)
}

// addField parses a header field: "Name: value".
func (h *responseHead) addField(line []byte) bool {
	name, value, ok := parseField(line)
	if !ok {
		return false
	}
	switch len(name) {
	case len("Connection"):
		if strings.EqualFold(string(name), "Connection") && httpguts.HeaderValuesContainsToken([]string{string(value)}, "close") {
			h.closeAfter = true
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
		return !strings.EqualFold(string(name), "Content-Length") || h.parseContentLength(value)
	case len("Transfer-Encoding"):
		return !strings.EqualFold(string(name), "Transfer-Encoding") || h.parseTransferEncoding(value)
	}
	return true
}

func parseField(line []byte) (name, value []byte, ok bool) {
	name, value, ok = bytes.Cut(line, []byte{':'})
	return name, bytes.Trim(value, " \t"), ok && isToken(name) && isPrintable(line)
}

// readTrailer reads the trailer section and ignores its fields.
func readTrailer(in *bufio.Reader) error {
	room := maxDiscard
	for {
		line, err := readLine(in, &room)
		if err != nil || len(line) == 0 {
			return err
		}
		if _, _, ok := parseField(line); !ok {
			return errMalformedResponse
		}
	}
}

// parseContentLength parses Content-Length. It refuses a second, different value.
func (h *responseHead) parseContentLength(value []byte) bool {
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

// parseTransferEncoding accepts only one "chunked", in HTTP/1.1.
func (h *responseHead) parseTransferEncoding(value []byte) bool {
	again := h.chunked
	h.chunked = true
	return !again && h.http11 && strings.EqualFold(string(value), "chunked")
}

// setFraming determines where the body ends.
func (h *responseHead) setFraming() error {
	switch {
	case h.chunked && h.length >= 0:
		return errMalformedResponse
	case h.status < http.StatusOK, h.status == http.StatusNoContent, h.status == http.StatusNotModified:
		h.length, h.chunked = 0, false
	case !h.chunked && h.length < 0:
		h.closeAfter = true
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

// isToken reports whether this is a field's name.
func isToken(name []byte) bool {
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

// isPrintable refuses control characters; a tab is a space.
func isPrintable(line []byte) bool {
	for _, c := range line {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
