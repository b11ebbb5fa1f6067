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

// oneWrite is the size, in bytes, up to which a request surely fits into what
// the kernel holds for a connection: it is sent before its answer is read.
const oneWrite = 16 << 10

var errTooBig = errors.New("answer is over its size limit")

// brokenAnswer is an error that came after the first byte of an answer.
type brokenAnswer struct{ error }

// Unwrap is what went wrong.
func (b *brokenAnswer) Unwrap() error { return b.error }

// line is one connection to a service, for one exchange at a time.
type line struct {
	conn net.Conn
	in   *bufio.Reader
	// home are the lines that it belongs to; retires is when it is used no more.
	home    *lines
	retires time.Time
	// room is how many bytes may still be read, negative: any number.
	room int
	// raw is the socket below, nil where there is none.
	raw syscall.RawConn
	// sealed says that there is TLS, which reads ahead, above the socket.
	sealed bool
	// used lines have carried an exchange before.
	used bool
	// rested is when the last exchange ended.
	rested time.Time
	// deadline is when the exchange under way must end; zero: no limit.
	deadline time.Time
	// interrupted means that interrupt was called during this exchange.
	interrupted atomic.Bool

	// memory counts the answer of the exchange under way.
	memory *domain.MemoryLease

	// These are made once, so that asking costs no memory.
	interrupt func()
	look      func(fd uintptr) bool
	silent    bool
}

func newLine(conn net.Conn) *line {
	l := &line{conn: conn, room: -1}
	l.in = bufio.NewReader(lineSource{l})
	socket := conn
	if above, ok := conn.(interface{ NetConn() net.Conn }); ok {
		socket, l.sealed = above.NetConn(), true
	}
	if s, ok := socket.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			l.raw = raw
		}
	}
	l.interrupt = func() {
		l.interrupted.Store(true)
		_ = l.conn.SetDeadline(time.Unix(1, 0)) // a closed connection is interrupted already
	}
	l.look = func(fd uintptr) bool {
		l.silent = nothingWaits(fd)
		return true
	}
	return l
}

// lineSource reads from a line's connection within its room.
type lineSource struct{ *line }

func (s lineSource) Read(p []byte) (int, error) {
	if s.room < 0 {
		return s.conn.Read(p)
	}
	if s.room == 0 {
		return 0, errTooMany
	}
	n, err := s.conn.Read(p[:min(len(p), s.room)])
	s.room -= n
	return n, err
}

// limit bounds what is read from now on, in bytes; negative: not.
func (l *line) limit(room int) { l.room = room }

// ready reports whether a line that rested can carry an exchange until the
// deadline. One that its service has closed cannot, and none on which anything
// waits to be read: it would be taken for the answer.
func (l *line) ready(deadline time.Time) bool {
	l.deadline = deadline
	l.interrupted.Store(false)
	if l.conn.SetDeadline(deadline) != nil {
		return false
	}
	if l.raw == nil {
		return true
	}
	l.silent = false
	return l.raw.Read(l.look) == nil && l.silent
}

// spent reports whether nothing is left of an answer that was read to its end.
// A TLS connection tells only when it is read; the past deadline keeps it from
// waiting for more.
func (l *line) spent() bool {
	if l.in.Buffered() > 0 {
		return false
	}
	if !l.sealed {
		return true
	}
	l.interrupt()
	var more [1]byte
	n, err := l.conn.Read(more[:])
	return n == 0 && timedOut(err)
}

func timedOut(err error) bool {
	var waited net.Error
	return errors.As(err, &waited) && waited.Timeout()
}

// talk sends a request and reads its answer, until the deadline or until ctx is
// done. kept says that the line is as good as new; else it must be closed. With
// an error, the answer holds the status if there was one.
func (l *line) talk(ctx context.Context, request []byte, wants func(int) bool) (a answer, kept bool, err error) {
	stop := context.AfterFunc(ctx, l.interrupt)
	l.memory = domain.MemoryOf(ctx)
	defer func() { l.memory = nil }()
	var sent error
	if len(request) <= oneWrite {
		_, sent = l.conn.Write(request)
		a, kept, err = l.hear(wants)
	} else {
		a, kept, sent, err = l.converse(request, wants)
	}
	if err != nil && sent != nil {
		err = errors.Join(err, sent)
	}
	return a, stop() && kept && err == nil && sent == nil && l.spent(), err
}

// converse reads while it sends: a service may answer before it has taken all,
// and take no more.
func (l *line) converse(request []byte, wants func(int) bool) (a answer, kept bool, sent, err error) {
	var written error // set before done is closed
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, written = l.conn.Write(request)
	}()
	a, kept, err = l.hear(wants)
	select {
	case <-done:
		sent = written
	default:
		_ = l.conn.Close() // ends the writing
		<-done
		kept = false
	}
	return a, kept, sent, err
}

// hear reads an answer, and its body if that is wanted.
func (l *line) hear(wants func(int) bool) (a answer, kept bool, err error) {
	if _, err := l.in.Peek(1); err != nil {
		return answer{}, false, err
	}
	h, err := readHead(l.in)
	if err != nil {
		return answer{}, false, &brokenAnswer{err}
	}
	a = answer{status: h.status, contentType: h.contentType, retryAfter: h.retryAfter}
	if !wants(h.status) {
		return a, l.drop(h) && !h.ending, nil
	}
	if !a.ok() && l.waitAtMost(errorBodyWait) != nil {
		return answer{status: a.status}, false, &brokenAnswer{net.ErrClosed}
	}
	a.body, err = l.body(h)
	switch {
	case !a.ok() && timedOut(err):
		return answer{status: a.status}, false, &brokenAnswer{io.ErrUnexpectedEOF}
	case errors.Is(err, errTooBig), errors.Is(err, errNoMemory):
		return answer{status: a.status}, false, err
	case err != nil:
		return answer{status: a.status}, false, &brokenAnswer{err}
	default:
		return a, !h.ending, nil
	}
}

// waitAtMost shortens the time in which the rest of an answer is read. It never
// extends it.
func (l *line) waitAtMost(d time.Duration) error {
	limit := time.Now().Add(d)
	if !l.deadline.IsZero() && l.deadline.Before(limit) {
		return nil
	}
	err := l.conn.SetReadDeadline(limit)
	if l.interrupted.Load() { // perhaps before this deadline replaced the one in the past
		l.interrupt()
	}
	return err
}

// dropWait is how long the rest of an unwanted body is waited for.
const dropWait = 20 * time.Millisecond

// errorBodyWait is how long the body of an error answer is waited for.
const errorBodyWait = time.Second

// drop reads an unwanted body as far as that is cheaper than another
// connection, and reports whether that was all of it. The answer does not wait
// for a body that stands still.
func (l *line) drop(h head) bool {
	if h.length == 0 {
		return true
	}
	if h.length < 0 && !h.chunked || l.waitAtMost(dropWait) != nil {
		return false
	}
	n, err := io.CopyN(io.Discard, l.stream(h), maxDrained)
	return errors.Is(err, io.EOF) && (n == h.length || h.chunked && readTrailer(l.in) == nil)
}

// body reads to the end. What is announced is made room for, as far as it costs
// little while a slow service sends nothing.
func (l *line) body(h head) ([]byte, error) {
	switch {
	case h.length > maxAnswer:
		return nil, errTooBig
	case h.length >= 0 && h.length <= maxDrained:
		if !l.memory.Grow(h.length) {
			return nil, errNoMemory
		}
		body := make([]byte, h.length)
		if _, err := io.ReadFull(l.in, body); err != nil {
			return nil, errors.Join(io.ErrUnexpectedEOF, err)
		}
		return body, nil
	}
	body, err := readHeld(io.LimitReader(l.stream(h), maxAnswer+1), h.length, l.memory)
	n := int64(len(body))
	switch {
	case err != nil:
		return nil, err
	case n > maxAnswer:
		return nil, errTooBig
	case h.length >= 0 && n < h.length:
		return nil, io.ErrUnexpectedEOF
	case h.chunked:
		return body, readTrailer(l.in)
	default:
		return body, nil
	}
}

// stream is the body, without a length up to the connection's end.
func (l *line) stream(h head) io.Reader {
	switch {
	case h.chunked:
		return httputil.NewChunkedReader(l.in)
	case h.length >= 0:
		return io.LimitReader(l.in, h.length)
	default:
		return l.in
	}
}
