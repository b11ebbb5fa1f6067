package httpclient

import (
	"errors"
	"io"

	"github.com/huleedu/edge/domain"
)

// errNoMemory means that the memory budget for responses is used up.
var errNoMemory = errors.New("answers of services hold all of their memory")

// initialBuffer is the room that is made for a body before any of it came, in bytes.
const initialBuffer = 16 << 10

// readWithLease reads to the end, or to the announced length if there is one (else
// -1). It takes the memory from the lease in steps, each as large as what has
// arrived, so that a slow small answer holds little. It returns errNoMemory when
// the lease has no more.
func readWithLease(r io.Reader, announced int64, lease *domain.MemoryLease) ([]byte, error) {
	var body []byte
	for int64(len(body)) != announced {
		if len(body) == cap(body) {
			room := max(int64(initialBuffer), int64(cap(body)))
			if announced >= 0 {
				room = min(room, announced-int64(len(body)))
			}
			if !lease.Grow(room) {
				return nil, errNoMemory
			}
			body = append(make([]byte, 0, int64(len(body))+room), body...)
		}
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, err
		}
	}
	return body, nil
}

// reserveCopies takes memory for copies of an answer that was read. It returns
// SERVICE_UNAVAILABLE when there is none left.
func reserveCopies(lease *domain.MemoryLease, service string, copies int64, a serviceResponse) error {
	if !lease.Grow(copies * int64(len(a.body))) {
		return domain.Unavailable(service, busyRetryAfter).WithCause(errNoMemory).WithOp("httpclient.hold")
	}
	return nil
}
