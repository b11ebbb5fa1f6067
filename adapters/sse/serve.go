package sse

import (
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/huleedu/edge/adapters/internal/closecode"
	"github.com/huleedu/edge/adapters/internal/eventstream"
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

// run serves the stream. It returns when the connection is closed and all resources are
// released.
func (s *stream) run(head []byte) {
	defer s.manager.Leave()
	left := make(chan error, 1)
	go func() {
		defer close(left)
		left <- s.conn.Discard(maxInput)
	}()
	s.finish(s.serve(head, left))
	for range left { // until the reader has ended
	}
}

// serve sends events until the stream must end. It returns why, or None if the session
// knows the reason or after a panic. left receives the end of the reading.
func (s *stream) serve(head []byte, left <-chan error) closecode.Status {
	reason := closecode.None
	func() {
		defer s.session.Recover()
		reason = s.send(head, left)
	}()
	return reason
}

// send is serve without the recovery of a panic.
func (s *stream) send(head []byte, left <-chan error) closecode.Status {
	err := s.conn.Write(head)
	if err == nil {
		s.session.Attach()
	}
	timer := time.NewTimer(s.untilTick())
	defer timer.Stop()
	for err == nil {
		select {
		case f := <-s.next:
			if err = s.conn.Write(eventstream.AppendFrame(nil, f)); err == nil {
				s.session.Sent()
			}
		case <-timer.C:
			if s.untilTick() <= 0 {
				return closecode.Unauthenticated
			}
			s.session.Tick()
			err = s.writeComment(s.manager.config.PeerTimeout)
			timer.Reset(s.untilTick())
		case <-s.check:
			err = s.writeComment(checkTimeout)
		case <-s.closed:
			return closecode.None
		case err = <-left:
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

// writeComment writes a comment, which the client's host must acknowledge in time.
func (s *stream) writeComment(within time.Duration) error {
	s.conn.SetPeerTimeout(within)
	return s.conn.Write([]byte(eventstream.Comment))
}

// finish tells the client why the stream ends, releases the resources, closes the
// connection and logs the end.
func (s *stream) finish(reason closecode.Status) {
	defer s.session.Recover()
	defer s.Abort()
	s.session.Stop(reason) // unless there is a reason
	end := closecode.For(s.session.Reason())
	if end.Status != closecode.None {
		s.conn.EndWithin(closeTimeout)
		_ = s.conn.Write(eventstream.AppendClose(nil, end, s.session.Correlation)) // the connection ends anyway
	}
	if lasted, accepted := s.session.End(); accepted {
		end.LogEnd(s.manager.log, domain.TransportSSE, s.session, lasted)
	}
}
