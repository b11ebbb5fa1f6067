package httpserver

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

// uploadGrace is how long after its limit an upload's body may still be read: the
// upload's own limit comes first.
const uploadGrace = 30 * time.Second

var (
	// errAborted is what ends a form that the file service must not take for whole.
	errAborted = errors.New("upload was aborted")
	errEarlyAcceptance   = errors.New("accepted before the form was whole")
)

// uploadFiles passes a form on to the file service while it is still coming in.
func (g *gateway) uploadFiles(c *gin.Context) error {
	if c.Request.ContentLength > g.Config.Uploads.MaxBytes {
		return tooLarge(g.Config.Uploads.MaxBytes)
	}
	boundary, err := formBoundary(c.Request.Header)
	if err != nil {
		return err
	}
	if g.files.transport == nil {
		return g.files.failure(domain.Unavailable(g.files.name, 0))
	}
	leave, err := g.uploadLimiter.acquire(requestStateOf(c).caller.User)
	if err != nil {
		return err
	}
	defer leave()
	reply, err := g.sendForm(c, boundary)
	if err != nil {
		return err
	}
	g.writeReply(c, reply)
	return nil
}

// sendForm makes the exchange. When it returns, nothing reads the form any more.
func (g *gateway) sendForm(c *gin.Context, boundary string) (domain.Reply, error) {
	u := g.newUpload(c, boundary)
	defer u.close()
	go u.copyForm()
	return u.run()
}

// upload is one form on its way. Two goroutines work on it: feed reads the
// client and writes the form, run sends it and waits for the answer. Whoever
// finds that it cannot go on aborts it, and the first reason is the answer.
type upload struct {
	g       *gateway
	request *http.Request
	state       *requestState
	form    *form
	// client is the body as it comes in.
	client io.ReadCloser
	// pump reads client; nil without a body.
	pump *bodyPump
	// ctx ends the exchange with the file service; patience, as a cause, says
	// that it took too long.
	ctx    context.Context
	cancel context.CancelCauseFunc
	// out is what the service reads, in what feed writes.
	out *io.PipeReader
	in  *io.PipeWriter
	// started is closed when there is something to send, fed when feed has ended,
	// with fault, and over when the upload was aborted, with reason.
	started, copied, aborted   chan struct{}
	startOnce, abortOnce      sync.Once
	copyErr, reason       error
	stallTimer, totalTimer       *time.Timer
	waitingForClient, complete atomic.Bool
}

func (g *gateway) newUpload(c *gin.Context, boundary string) *upload {
	u := &upload{
		g: g, request: c.Request, state: requestStateOf(c),
		started: make(chan struct{}), copied: make(chan struct{}), aborted: make(chan struct{}),
	}
	u.ctx, u.cancel = context.WithCancelCause(c.Request.Context())
	u.out, u.in = io.Pipe()
	settings := g.Config.Uploads
	end := u.state.started.Add(settings.Timeout)
	u.client = http.NoBody
	if body := bodyOf(c); body != nil {
		u.pump = body.stream(streamLimits{bytes: settings.MaxBytes, until: end.Add(uploadGrace)})
		u.client = u.pump
	}
	u.form = newForm(&uploadSource{u, u.client}, boundary, &uploadSink{u}, settings.MaxFiles)
	u.stallTimer = time.AfterFunc(settings.StallTimeout, func() { u.onTimeout(settings.StallTimeout) })
	u.totalTimer = time.AfterFunc(time.Until(end), func() { u.onTimeout(settings.Timeout) })
	return u
}

// copyForm copies the form until its end, or until it cannot go on.
func (u *upload) copyForm() {
	defer close(u.copied)
	err := u.form.copy()
	switch {
	case err == nil:
		u.complete.Store(true)
		u.copyErr = u.in.Close()
	case errors.Is(err, errDestination):
		u.copyErr = err
	default:
		u.abort(err, err)
	}
}

// abort ends the exchange so that the service never has a whole request. The
// first reason stays; cause is what the exchange ends with.
func (u *upload) abort(reason, cause error) {
	u.abortOnce.Do(func() {
		u.reason = reason
		close(u.aborted)
		u.cancel(cause)
		_ = u.in.CloseWithError(errAborted) // a pipe always closes
	})
}

// onTimeout aborts an upload that took too long, in the service's name unless the
// client is the one that is waited for.
func (u *upload) onTimeout(limit time.Duration) {
	if u.waitingForClient.Load() {
		u.abort(domain.TimedOut("upload", limit, nil).At("httpserver.upload"), errAborted)
		return
	}
	u.abort(u.g.files.failure(domain.TimedOut(u.g.files.name, limit, nil)), context.DeadlineExceeded)
}

// resetStallTimer puts off the end of an upload that does not stand still.
func (u *upload) resetStallTimer() {
	if u.ctx.Err() == nil {
		u.stallTimer.Reset(u.g.Config.Uploads.StallTimeout)
	}
}

// close gives back what the upload holds, and waits for feed.
func (u *upload) close() {
	u.abort(errAborted, errAborted)
	u.stallTimer.Stop()
	u.totalTimer.Stop()
	_ = u.client.Close() // its owner reads it to its end
	<-u.copied
}

// failure is the reason of an abort if there was one, else what the client's body
// ended with, else the error. net/http cancels the context when it cannot read the
// body, a little before the owner knows why.
func (u *upload) failure(err error) error {
	select {
	case <-u.aborted:
		return u.reason
	default:
	}
	if err != nil && u.pump != nil && u.request.Context().Err() != nil {
		_ = u.pump.Close() // its owner reads it to its end
		<-u.pump.done
		if cause := u.pump.failure(); cause != nil {
			return cause
		}
	}
	return err
}

// uploadSource is the client's body as the form reads it.
type uploadSource struct {
	upload *upload
	body   io.Reader
}

func (s *uploadSource) Read(p []byte) (int, error) {
	select {
	case <-s.upload.aborted:
		return 0, errDestination
	default:
	}
	s.upload.waitingForClient.Store(true)
	n, err := s.body.Read(p)
	s.upload.waitingForClient.Store(false)
	if n > 0 {
		s.upload.resetStallTimer()
	}
	return n, err
}

// uploadSink is the form as the file service reads it.
type uploadSink struct{ upload *upload }

func (s *uploadSink) Write(p []byte) (int, error) {
	s.upload.startOnce.Do(func() { close(s.upload.started) })
	n, err := s.upload.in.Write(p)
	s.upload.resetStallTimer()
	return n, err
}
