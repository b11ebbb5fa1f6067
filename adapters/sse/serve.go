package sse

import (
	"errors"
	"log/slog"
	"os"
	"syscall"
	"time"

	"github.com/huleedu/edge/adapters/internal/closecode"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
)

const (
	// commentInterval is the time between two comments.
	commentInterval = 15 * time.Second
	// checkTimeout is how long the client's host has to acknowledge the comment of a
	// check.
	checkTimeout = 5 * time.Second
	// maxInput is how many bytes of a client, which has nothing to send, are ignored.
	maxInput = 4 << 10
)

var errInput = errors.New("the client sends data")

// run serves the stream. It returns when the connection is closed and all resources are
// released.
func (s *stream) run(head []byte) {
	defer s.manager.Leave()
	left := make(chan error, 1)
	go func() {
		defer close(left)
		left <- s.discardInput()
	}()
	s.finish(s.serve(head, left))
	<-left
}

// discardInput reads until the connection ends or the client has sent too much.
func (s *stream) discardInput() error {
	var buffer [64]byte
	for total := 0; total < maxInput; {
		n, err := s.conn.Read(buffer[:])
		if err != nil {
			return err
		}
		total += n
	}
	return errInput
}

// serve writes events until the stream must end, and returns why, unless the session
// knows the reason. left receives the end of the reading.
func (s *stream) serve(head []byte, left <-chan error) (reason closecode.Status) {
	reason = closecode.None // also after a panic
	defer s.session.Recover()
	err := s.write(appendRetry(head))
	if err == nil {
		s.session.Attach()
	}
	timer := time.NewTimer(s.untilTick())
	defer timer.Stop()
	for err == nil {
		select {
		case f := <-s.next:
			err = s.writeFrame(f)
		case <-timer.C:
			if s.untilTick() <= 0 {
				return closecode.Unauthenticated
			}
			err = s.tick()
			timer.Reset(s.untilTick())
		case <-s.check:
			err = s.writeComment(checkTimeout)
		case <-s.closed:
			return closecode.None
		case err = <-left:
			s.broken = true
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ETIMEDOUT) {
		return closecode.PeerTimeout
	}
	return closecode.None
}

// untilTick returns the time until the next comment, or until the token expires if that
// is earlier.
func (s *stream) untilTick() time.Duration {
	if s.expires.IsZero() {
		return commentInterval
	}
	return min(commentInterval, time.Until(s.expires))
}

// tick does what is done in every commentInterval.
func (s *stream) tick() error {
	s.session.Tick()
	return s.writeComment(s.manager.config.PeerTimeout)
}

// writeComment writes a comment, which the client's host must acknowledge in time.
func (s *stream) writeComment(within time.Duration) error {
	setPeerTimeout(s.conn, within)
	return s.write([]byte(comment))
}

// writeFrame writes the event of a frame.
func (s *stream) writeFrame(f delivery.Frame) error {
	buffer, _ := s.manager.buffers.Get().(*[]byte)
	if buffer == nil {
		buffer = new([]byte)
	}
	*buffer = appendFrame((*buffer)[:0], f)
	if err := s.write(*buffer); err != nil {
		return err
	}
	if cap(*buffer) <= maxPooled {
		s.manager.buffers.Put(buffer)
	}
	s.session.Sent()
	return nil
}

// finish tells the client why the stream ends, releases the resources, closes the
// connection and logs the end.
func (s *stream) finish(reason closecode.Status) {
	defer s.session.Recover()
	defer s.Abort()
	s.session.Stop(reason) // unless there is a reason
	end := closecode.For(s.session.Reason())
	if end.Status != closecode.None && !s.broken {
		s.endWithin(closeTimeout)
		_ = s.write(appendClose(nil, end, s.session.Correlation)) // the connection ends anyway
	}
	lasted, accepted := s.session.End()
	if !accepted {
		return
	}
	s.manager.log.Info("connection ended",
		slog.String("transport", string(domain.TransportSSE)), slog.Int("close_code", int(end.Status)), slog.String("error_code", string(end.Code)),
		slog.Float64("lasted_seconds", lasted.Seconds()),
		slog.String("user_id", string(s.session.User)), slog.String("correlation_id", s.session.Correlation))
}
