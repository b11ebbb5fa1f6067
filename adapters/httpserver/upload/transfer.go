package upload

import (
	"cmp"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/huleedu/edge/adapters/httpserver/proxy"
	"github.com/huleedu/edge/adapters/httpserver/requestbody"
	"github.com/huleedu/edge/domain"
)

// bodyGrace is how long after its limit an upload's body may still be read: the
// upload's own limit comes first.
const bodyGrace = 30 * time.Second

var (
	// errAborted ends a form that the file service must not accept as complete.
	errAborted         = errors.New("upload was aborted")
	errEarlyAcceptance = errors.New("accepted before the form was whole")
)

// transfer is one upload in progress. Two goroutines work on it: copyForm reads the
// client's form and writes the copy, run sends the copy and waits for the answer.
// Either may abort the upload; the first reason is answered.
type transfer struct {
	files   *proxy.Backend
	headers proxy.HeaderRules
	limits  Limits
	in      proxy.Request
	form    *form
	body    *requestbody.Stream
	// ctx ends the call to the file service.
	ctx    context.Context
	cancel context.CancelCauseFunc
	// copyReader is the body of the call. copyForm writes it to copyWriter.
	copyReader *io.PipeReader
	copyWriter *io.PipeWriter
	// started is closed at the first byte to send, copied when copyForm has ended
	// (with copyErr), and aborted when the upload was aborted (with reason).
	started, copied, aborted   chan struct{}
	startOnce, abortOnce       sync.Once
	copyErr, reason            error
	stallTimer, totalTimer     *time.Timer
	waitingForClient, complete atomic.Bool
}

func newTransfer(files *proxy.Backend, headers proxy.HeaderRules, limits Limits, in proxy.Request, boundary string) *transfer {
	t := &transfer{
		files: files, headers: headers, limits: limits, in: in,
		started: make(chan struct{}), copied: make(chan struct{}), aborted: make(chan struct{}),
	}
	t.ctx, t.cancel = context.WithCancelCause(in.Context())
	t.copyReader, t.copyWriter = io.Pipe()
	end := in.Started.Add(limits.Timeout)
	t.body = requestbody.Of(in.Request).Stream(requestbody.StreamLimits{Bytes: limits.MaxBytes, Until: end.Add(bodyGrace)})
	t.form = newForm(&formSource{t}, boundary, &formSink{t}, limits.MaxFiles)
	t.stallTimer = time.AfterFunc(limits.StallTimeout, func() { t.onTimeout(limits.StallTimeout) })
	t.totalTimer = time.AfterFunc(time.Until(end), func() { t.onTimeout(limits.Timeout) })
	return t
}

// copyForm copies the form until its end or an error.
func (t *transfer) copyForm() {
	defer close(t.copied)
	err := t.form.copy()
	switch {
	case err == nil:
		t.complete.Store(true)
		t.copyErr = t.copyWriter.Close()
	case errors.Is(err, errDestination):
		t.copyErr = err
	default:
		t.abort(err, err)
	}
}

// abort ends the exchange so that the service never has a whole request. The
// first reason stays; cause is what the exchange ends with.
func (t *transfer) abort(reason, cause error) {
	t.abortOnce.Do(func() {
		t.reason = reason
		close(t.aborted)
		t.cancel(cause)
		_ = t.copyWriter.CloseWithError(errAborted) // a pipe always closes
	})
}

// onTimeout aborts an upload at a time limit. The error names the file service unless
// the upload waits for the client.
func (t *transfer) onTimeout(limit time.Duration) {
	if t.waitingForClient.Load() {
		t.abort(domain.TimedOut("upload", limit, nil).WithOp("httpserver.upload"), errAborted)
		return
	}
	t.abort(t.files.Failure(domain.TimedOut(t.files.Name, limit, nil)), context.DeadlineExceeded)
}

// resetStallTimer restarts the stall limit after progress.
func (t *transfer) resetStallTimer() {
	if t.ctx.Err() == nil {
		t.stallTimer.Reset(t.limits.StallTimeout)
	}
}

// close releases the resources of the upload and waits for copyForm.
func (t *transfer) close() {
	t.abort(errAborted, errAborted)
	t.stallTimer.Stop()
	t.totalTimer.Stop()
	_ = t.body.Close() // a pipe always closes
	<-t.copied
}

// failure returns the reason of an abort, else the error of the client's body, else err.
func (t *transfer) failure(err error) error {
	select {
	case <-t.aborted:
		return t.reason
	default:
	}
	if err != nil && t.in.Context().Err() != nil {
		return cmp.Or(t.body.Failure(t.in.Context()), err)
	}
	return err
}

// formSource reads the client's body. Each byte restarts the timer that detects a stalled
// upload, and it marks when the upload waits for the client, so that a timeout is not
// attributed to the service.
type formSource struct{ *transfer }

func (s *formSource) Read(p []byte) (int, error) {
	select {
	case <-s.aborted:
		return 0, errDestination
	default:
	}
	s.waitingForClient.Store(true)
	n, err := s.body.Read(p)
	s.waitingForClient.Store(false)
	if n > 0 {
		s.resetStallTimer()
	}
	return n, err
}

// formSink writes the copied form to the body of the call and records progress.
type formSink struct{ *transfer }

func (s *formSink) Write(p []byte) (int, error) {
	s.startOnce.Do(func() { close(s.started) })
	n, err := s.copyWriter.Write(p)
	s.resetStallTimer()
	return n, err
}
