package httpclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/huleedu/edge/adapters/httpclient/transport"
	"github.com/huleedu/edge/domain"
)

const (
	// maxResponseBody is the largest body of a response, in bytes.
	maxResponseBody = 8 << 20
	// maxDiscard is how much of an unwanted body is read, in bytes, so that its connection can
	// be used again. It is also the largest announced body for which memory is allocated at
	// once.
	maxDiscard = 64 << 10
	// initialBuffer is the memory that is allocated at first for a body of unknown length, in
	// bytes.
	initialBuffer = 16 << 10
	// discardTimeout bounds the wait for the rest of an unwanted body.
	discardTimeout = 20 * time.Millisecond
	// errorBodyTimeout bounds the wait for the body of an error response.
	errorBodyTimeout = time.Second
)

var (
	errResponseTooLarge = errors.New("response body is too large")
	// errNoMemory means that the memory budget for responses is used up.
	errNoMemory = errors.New("responses hold all of the memory budget")
	// errErrorBodyTimeout means that the body of an error response did not arrive in time.
	errErrorBodyTimeout = errors.New("body of an error response is late")
)

// serviceResponse is the response of a service. The body is set only for the statuses whose
// body the call wants.
type serviceResponse struct {
	status      int
	contentType string
	// retryAfter is empty when the response has no Retry-After.
	retryAfter string
	body       []byte
}

func (a serviceResponse) ok() bool { return isOK(a.status) }

func isOK(status int) bool { return status >= 200 && status < 300 }

// discard reads up to maxDiscard bytes of an unwanted body, within discardTimeout. The caller
// closes it.
func discard(res *http.Response) {
	transport.LimitBody(res, discardTimeout)
	_, _ = io.CopyN(io.Discard, res.Body, maxDiscard) // the connection is closed if it is not all
}

// readBody reads the body of a response to its end. The caller closes it. Errors are
// errResponseTooLarge, errNoMemory, errErrorBodyTimeout and those of the exchange.
func readBody(ctx context.Context, res *http.Response) ([]byte, error) {
	if res.ContentLength > maxResponseBody {
		return nil, errResponseTooLarge
	}
	failed := !isOK(res.StatusCode)
	if failed {
		transport.LimitBody(res, errorBodyTimeout)
	}
	body, err := readWithLease(res.Body, res.ContentLength, domain.MemoryOf(ctx))
	if failed && transport.TimedOut(err) && !failureOf(err).Expired && ctx.Err() == nil {
		return nil, errErrorBodyTimeout
	}
	return body, err
}

// readWithLease reads to the end, or to the announced length if there is one (else -1). It
// takes the memory from the lease in steps, each as large as what has arrived, so that a slow
// small response holds little. It returns errNoMemory when the lease has no more, and
// errResponseTooLarge for more than maxResponseBody bytes.
func readWithLease(r io.Reader, announced int64, lease *domain.MemoryLease) ([]byte, error) {
	var body []byte
	for int64(len(body)) != announced {
		if len(body) == cap(body) {
			room := max(int64(initialBuffer), int64(cap(body)))
			if announced >= 0 {
				room = min(max(room, maxDiscard), announced-int64(len(body)))
			}
			if !lease.Grow(room) {
				return nil, errNoMemory
			}
			body = append(make([]byte, 0, int64(len(body))+room), body...)
		}
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > maxResponseBody:
			return nil, errResponseTooLarge
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, err
		}
	}
	return body, nil
}

// reserveCopies takes memory for copies of a response that was read. It returns
// SERVICE_UNAVAILABLE when there is none left.
func reserveCopies(lease *domain.MemoryLease, service string, copies int64, a serviceResponse) error {
	if !lease.Grow(copies * int64(len(a.body))) {
		return domain.Unavailable(service, busyRetryAfter).WithCause(errNoMemory).WithOp("httpclient.hold")
	}
	return nil
}
