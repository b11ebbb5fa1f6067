package httpserver

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/huleedu/edge/adapters/internal/httpreason"
	"github.com/huleedu/edge/domain"
)

// readJSON reads a whole JSON body of at most limit bytes. A missing media
// type is read as JSON; a compressed body is refused. It returns errClientLeft when
// the client disconnects.
func readJSON(r *http.Request, limit int64) ([]byte, error) {
	if !isJSONRequest(r.Header) {
		return nil, &domain.Error{
			Code: domain.InvalidRequest, Reason: httpreason.WrongMediaType,
			Message: "Content-Type must be application/json", Op: "httpserver.readJSON",
		}
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	body, err := readAll(io.LimitReader(r.Body, limit+1), r.ContentLength)
	switch {
	case err != nil:
		return nil, bodyReadError(err)
	case int64(len(body)) > limit:
		return nil, tooLarge(limit)
	default:
		return body, nil
	}
}

// errClientLeft is the error for a client that disconnected.
var errClientLeft = errors.New("client left")

// isDisconnect reports whether a read error means that the connection ended.
func isDisconnect(err error) bool {
	broken, ok := errors.AsType[*net.OpError](err)
	return errors.Is(err, io.ErrUnexpectedEOF) || ok && !broken.Timeout()
}

// initialBuffer is the initial buffer size for a body, in bytes.
const initialBuffer = 64 << 10

// readAll reads to the end, or to the announced length if there is one (else
// -1). It makes room as bytes arrive, so that a client that announces much and
// sends little costs little.
func readAll(r io.Reader, announced int64) ([]byte, error) {
	room := int64(initialBuffer)
	if announced >= 0 {
		room = min(room, announced)
	}
	body := make([]byte, 0, room)
	for int64(len(body)) != announced {
		if len(body) == cap(body) {
			room = 2 * room
			if announced >= 0 {
				room = min(room, announced)
			}
			body = append(make([]byte, 0, room), body...)
		}
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, fmt.Errorf("read %d bytes: %w", len(body), err)
		}
	}
	return body, nil
}

func isJSONRequest(h http.Header) bool {
	types := h["Content-Type"]
	switch {
	case isEncoded(h) || len(types) > 1:
		return false
	case len(types) == 0 || types[0] == "" || types[0] == "application/json":
		return true
	}
	declared := types[0]
	media, _, err := mime.ParseMediaType(declared)
	if err != nil {
		return false
	}
	return isJSONType(media)
}

// isEncoded reports whether a body is not sent as it is, by any line of the
// header that says so.
func isEncoded(h http.Header) bool {
	for _, coding := range h["Content-Encoding"] {
		if coding != "" && !strings.EqualFold(coding, "identity") {
			return true
		}
	}
	return false
}

// bodyReadError translates a read error: the client disconnected, was silent for too
// long, or sent an invalid body.
func bodyReadError(cause error) error {
	switch {
	case isDisconnect(cause):
		return errors.Join(errClientLeft, cause)
	case errors.Is(cause, os.ErrDeadlineExceeded):
		return (&domain.Error{
			Code: domain.Timeout, Message: "Request body did not arrive in time", Details: map[string]any{}, Err: cause,
		}).WithOp("httpserver.unreadable")
	default:
		return &domain.Error{
			Code: domain.InvalidRequest, Message: "Request body could not be read",
			Op: "httpserver.unreadable", Err: cause,
		}
	}
}

func tooLarge(limit int64) *domain.Error {
	return &domain.Error{
		Code: domain.ValidationError, Reason: domain.ReasonTooLarge, Message: "Request body too large",
		Op: "httpserver.readJSON", Details: map[string]any{"limit_bytes": limit},
	}
}
