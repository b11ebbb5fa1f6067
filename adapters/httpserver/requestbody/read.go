package requestbody

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/huleedu/edge/domain"
)

// ErrClientLeft is the error for a client that disconnected before its body was complete.
// It needs no answer.
var ErrClientLeft = errors.New("client left")

// ReadAll reads the whole body of a request. It returns VALIDATION_ERROR for more than
// limit bytes, TIMEOUT for a body that did not arrive in time, INVALID_REQUEST for invalid
// framing, and ErrClientLeft. Memory grows with what arrives, not with the announced
// length.
func ReadAll(r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, TooLarge(limit)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	switch {
	case err != nil:
		return nil, readError(fmt.Errorf("read %d bytes: %w", len(body), err))
	case int64(len(body)) > limit:
		return nil, TooLarge(limit)
	default:
		return body, nil
	}
}

// TooLarge returns the VALIDATION_ERROR, answered with 413, for a body of more than limit
// bytes.
func TooLarge(limit int64) *domain.Error {
	return &domain.Error{
		Code: domain.ValidationError, Reason: domain.ReasonTooLarge, Message: "Request body too large",
		Op: "httpserver.readJSON", Details: map[string]any{"limit_bytes": limit},
	}
}

// IsEncoded reports whether a header declares a content coding, such as gzip.
func IsEncoded(h http.Header) bool {
	for _, coding := range h["Content-Encoding"] {
		if coding != "" && !strings.EqualFold(coding, "identity") {
			return true
		}
	}
	return false
}

// readError translates an error of net/http's body: the client disconnected, was silent
// for too long, or sent invalid framing.
func readError(cause error) error {
	switch {
	case isDisconnect(cause):
		return errors.Join(ErrClientLeft, cause)
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

// isDisconnect reports whether a read error means that the connection ended.
func isDisconnect(err error) bool {
	broken, ok := errors.AsType[*net.OpError](err)
	return errors.Is(err, io.ErrUnexpectedEOF) || ok && !broken.Timeout()
}
