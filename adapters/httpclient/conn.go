package httpclient

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http/httputil"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/huleedu/edge/domain"
)

// maxSingleWrite is the largest request, in bytes, that is written before its response is
// read: it fits into the socket buffer.
const maxSingleWrite = 16 << 10

var errResponseTooLarge = errors.New("answer is over its size limit")

// brokenResponse is an error after the first byte of a response.
type brokenResponse struct{ error }

// Unwrap returns the cause.
func (b *brokenResponse) Unwrap() error { return b.error }

// conn is one connection to a service. It carries one exchange at a time.
type conn struct {
	socket net.Conn
	reader *bufio.Reader
	// pool owns the connection; expires is when it is not reused any more.
	pool    *connPool
	expires time.Time
	// readLimit is how many bytes may still be read; negative: no limit.
	readLimit int
	// rawSocket is the descriptor of the socket, nil if there is none.
	rawSocket syscall.RawConn
	// encrypted means that TLS, which reads ahead, lies above the socket.
	encrypted bool
	// reused means that it has carried an exchange before.
	reused bool
	// idleSince is when the last exchange ended.
	idleSince time.Time
	// deadline is when the exchange under way must end; zero: no limit.
	deadline time.Time
	// interrupted means that interrupt was called during this exchange.
	interrupted atomic.Bool

	// memory counts the response of the current exchange.
	memory *domain.MemoryLease

	// These closures are allocated once for each connection.
	interrupt      func()
	peekSocket     func(fd uintptr) bool
	nothingPending bool
}

func newConn(socket net.Conn) *conn {
	l := &conn{socket: socket, readLimit: -1}
	l.reader = bufio.NewReader(connReader{l})
	if above, ok := socket.(interface{ NetConn() net.Conn }); ok {
		socket, l.encrypted = above.NetConn(), true
	}
	if s, ok := socket.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			l.rawSocket = raw
		}
	}
	l.interrupt = func() {
		l.interrupted.Store(true)
		_ = l.socket.SetDeadline(time.Unix(1, 0)) // a closed connection is interrupted already
	}
	l.peekSocket = func(fd uintptr) bool {
		l.nothingPending = nothingToRead(fd)
		return true
	}
	return l
}

// connReader reads from the connection up to its readLimit.
type connReader struct{ *conn }

func (s connReader) Read(p []byte) (int, error) {
	if s.readLimit < 0 {
		return s.socket.Read(p)
	}
	if s.readLimit == 0 {
		return 0, errHeadTooLarge
	}
	n, err := s.socket.Read(p[:min(len(p), s.readLimit)])
	s.readLimit -= n
	return n, err
}

// setReadLimit bounds what is read from now on, in bytes; negative: no limit.
func (l *conn) setReadLimit(room int) { l.readLimit = room }

// usable sets the deadline and reports whether an idle connection can carry an exchange. It
// cannot if the service closed it, or if unread bytes are pending: they would be read as the
// response.
func (l *conn) usable(deadline time.Time) bool {
	l.deadline = deadline
	l.interrupted.Store(false)
	if l.socket.SetDeadline(deadline) != nil {
		return false
	}
	if l.rawSocket == nil {
		return true
	}
	l.nothingPending = false
	return l.rawSocket.Read(l.peekSocket) == nil && l.nothingPending
}

// drained reports whether no bytes follow a response that was read to its end. A TLS
// connection must be read for that; the deadline in the past keeps the read from waiting.
func (l *conn) drained() bool {
	if l.reader.Buffered() > 0 {
		return false
	}
	if !l.encrypted {
		return true
	}
	l.interrupt()
	var more [1]byte
	n, err := l.socket.Read(more[:])
	return n == 0 && timedOut(err)
}

func timedOut(err error) bool {
	var waited net.Error
	return errors.As(err, &waited) && waited.Timeout()
}

// roundTrip sends a request and reads its response, until the deadline or until ctx is done.
// If kept is false the connection must be closed. With an error, the response holds the
// status if one was received.
func (l *conn) roundTrip(ctx context.Context, request []byte, wants func(int) bool) (a serviceResponse, kept bool, err error) {
	stop := context.AfterFunc(ctx, l.interrupt)
	l.memory = domain.MemoryOf(ctx)
	defer func() { l.memory = nil }()
	var sent error
	if len(request) <= maxSingleWrite {
		_, sent = l.socket.Write(request)
		a, kept, err = l.readResponse(wants)
	} else {
		a, kept, sent, err = l.duplex(request, wants)
	}
	if err != nil && sent != nil {
		err = errors.Join(err, sent)
	}
	return a, stop() && kept && err == nil && sent == nil && l.drained(), err
}

// duplex reads while it writes: a service may respond before it has read the whole request,
// and read no more.
func (l *conn) duplex(request []byte, wants func(int) bool) (a serviceResponse, kept bool, sent, err error) {
	var written error // set before done is closed
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, written = l.socket.Write(request)
	}()
	a, kept, err = l.readResponse(wants)
	select {
	case <-done:
		sent = written
	default:
		_ = l.socket.Close() // ends the writing
		<-done
		kept = false
	}
	return a, kept, sent, err
}

// readResponse reads a response, and its body if wants accepts the status.
func (l *conn) readResponse(wants func(int) bool) (a serviceResponse, kept bool, err error) {
	if _, err := l.reader.Peek(1); err != nil {
		return serviceResponse{}, false, err
	}
	h, err := readHead(l.reader)
	if err != nil {
		return serviceResponse{}, false, &brokenResponse{err}
	}
	a = serviceResponse{status: h.status, contentType: h.contentType, retryAfter: h.retryAfter}
	if !wants(h.status) {
		return a, l.discardBody(h) && !h.closeAfter, nil
	}
	if !a.ok() && l.shortenDeadline(errorBodyTimeout) != nil {
		return serviceResponse{status: a.status}, false, &brokenResponse{net.ErrClosed}
	}
	a.body, err = l.readBody(h)
	switch {
	case !a.ok() && timedOut(err):
		return serviceResponse{status: a.status}, false, &brokenResponse{io.ErrUnexpectedEOF}
	case errors.Is(err, errResponseTooLarge), errors.Is(err, errNoMemory):
		return serviceResponse{status: a.status}, false, err
	case err != nil:
		return serviceResponse{status: a.status}, false, &brokenResponse{err}
	default:
		return a, !h.closeAfter, nil
	}
}

// shortenDeadline shortens the time in which the rest of an answer is read. It never
// extends it.
func (l *conn) shortenDeadline(d time.Duration) error {
	limit := time.Now().Add(d)
	if !l.deadline.IsZero() && l.deadline.Before(limit) {
		return nil
	}
	err := l.socket.SetReadDeadline(limit)
	if l.interrupted.Load() { // perhaps before this deadline replaced the one in the past
		l.interrupt()
	}
	return err
}

// discardTimeout bounds the wait for the rest of an unwanted body.
const discardTimeout = 20 * time.Millisecond

// errorBodyTimeout bounds the wait for the body of an error response.
const errorBodyTimeout = time.Second

// discardBody reads up to maxDiscard bytes of an unwanted body and reports whether that was
// all of it. It does not wait for a body that stalls.
func (l *conn) discardBody(h responseHead) bool {
	if h.length == 0 {
		return true
	}
	if h.length < 0 && !h.chunked || l.shortenDeadline(discardTimeout) != nil {
		return false
	}
	n, err := io.CopyN(io.Discard, l.bodyReader(h), maxDiscard)
	return errors.Is(err, io.EOF) && (n == h.length || h.chunked && readTrailer(l.reader) == nil)
}

// readBody reads the body to its end. It allocates the announced length at once only if
// that is small.
func (l *conn) readBody(h responseHead) ([]byte, error) {
	switch {
	case h.length > maxResponseBody:
		return nil, errResponseTooLarge
	case h.length >= 0 && h.length <= maxDiscard:
		if !l.memory.Grow(h.length) {
			return nil, errNoMemory
		}
		body := make([]byte, h.length)
		if _, err := io.ReadFull(l.reader, body); err != nil {
			return nil, errors.Join(io.ErrUnexpectedEOF, err)
		}
		return body, nil
	}
	body, err := readWithLease(io.LimitReader(l.bodyReader(h), maxResponseBody+1), h.length, l.memory)
	n := int64(len(body))
	switch {
	case err != nil:
		return nil, err
	case n > maxResponseBody:
		return nil, errResponseTooLarge
	case h.length >= 0 && n < h.length:
		return nil, io.ErrUnexpectedEOF
	case h.chunked:
		return body, readTrailer(l.reader)
	default:
		return body, nil
	}
}

// bodyReader returns a reader of the body; without a length it ends with the connection.
func (l *conn) bodyReader(h responseHead) io.Reader {
	switch {
	case h.chunked:
		return httputil.NewChunkedReader(l.reader)
	case h.length >= 0:
		return io.LimitReader(l.reader, h.length)
	default:
		return l.reader
	}
}
