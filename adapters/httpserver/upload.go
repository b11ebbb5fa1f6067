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
	"github.com/huleedu/edge/ports"
)

// uploadGrace is how long after its limit an upload's body may still be read: the
// upload's own limit comes first.
const uploadGrace = 30 * time.Second

var (
	// errAborted ends a form that the file service must not accept as complete.
	errAborted         = errors.New("upload was aborted")
	errEarlyAcceptance = errors.New("accepted before the form was whole")
)

// uploadFiles streams a form to the file service.
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

// sendForm runs an upload. When it returns, no goroutine reads the form.
func (g *gateway) sendForm(c *gin.Context, boundary string) (ports.Passthrough, error) {
	u := g.newUpload(c, boundary)
	defer u.close()
	go u.copyForm()
	return u.run()
}

// upload is one upload in progress. Two goroutines work on it: copyForm reads the
// client's form and writes the copy, run sends the copy and waits for the answer.
// Either may abort the upload; the first reason is answered.
type upload struct {
	g       *gateway
	request *http.Request
	state   *requestState
	form    *form
	// client is the request's body.
	client io.ReadCloser
	// pump is client if the request has a body, else nil.
	pump *bodyPump
	// ctx ends the call to the file service.
	ctx    context.Context
	cancel context.CancelCauseFunc
	// out is the body of the call, in its writing end for copyForm.
	out *io.PipeReader
	in  *io.PipeWriter
	// started is closed at the first byte to send, copied when copyForm has ended
	// (with copyErr), and aborted when the upload was aborted (with reason).
	started, copied, aborted   chan struct{}
	startOnce, abortOnce       sync.Once
	copyErr, reason            error
	stallTimer, totalTimer     *time.Timer
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

// copyForm copies the form until its end or an error.
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

// onTimeout aborts an upload at a time limit. The error names the file service unless
// the upload waits for the client.
func (u *upload) onTimeout(limit time.Duration) {
	if u.waitingForClient.Load() {
		u.abort(domain.TimedOut("upload", limit, nil).WithOp("httpserver.upload"), errAborted)
		return
	}
	u.abort(u.g.files.failure(domain.TimedOut(u.g.files.name, limit, nil)), context.DeadlineExceeded)
}

// resetStallTimer restarts the stall limit after progress.
func (u *upload) resetStallTimer() {
	if u.ctx.Err() == nil {
		u.stallTimer.Reset(u.g.Config.Uploads.StallTimeout)
	}
}

// close releases the resources of the upload and waits for copyForm.
func (u *upload) close() {
	u.abort(errAborted, errAborted)
	u.stallTimer.Stop()
	u.totalTimer.Stop()
	_ = u.client.Close() // the pump discards the rest
	<-u.copied
}

// failure returns the reason of an abort, else the error of the client's body, else
// err. net/http cancels the context before the pump stores its error, so failure
// waits for the pump in that case.
func (u *upload) failure(err error) error {
	select {
	case <-u.aborted:
		return u.reason
	default:
	}
	if err != nil && u.pump != nil && u.request.Context().Err() != nil {
		_ = u.pump.Close() // the pump discards the rest
		<-u.pump.done
		if cause := u.pump.failure(); cause != nil {
			return cause
		}
	}
	return err
}

// uploadSource reads the client's body and records progress.
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

// uploadSink writes the copied form to the call's body and records progress.
type uploadSink struct{ upload *upload }

func (s *uploadSink) Write(p []byte) (int, error) {
	s.upload.startOnce.Do(func() { close(s.upload.started) })
	n, err := s.upload.in.Write(p)
	s.upload.resetStallTimer()
	return n, err
}
