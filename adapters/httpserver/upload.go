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
	errEarly   = errors.New("accepted before the form was whole")
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
	leave, err := g.shares.take(exchangeOf(c).caller.User)
	if err != nil {
		return err
	}
	defer leave()
	reply, err := g.sendForm(c, boundary)
	if err != nil {
		return err
	}
	g.pass(c, reply)
	return nil
}

// sendForm makes the exchange. When it returns, nothing reads the form any more.
func (g *gateway) sendForm(c *gin.Context, boundary string) (domain.Reply, error) {
	u := g.newUpload(c, boundary)
	defer u.end()
	go u.feed()
	return u.run()
}

// upload is one form on its way. Two goroutines work on it: feed reads the
// client and writes the form, run sends it and waits for the answer. Whoever
// finds that it cannot go on aborts it, and the first reason is the answer.
type upload struct {
	g       *gateway
	request *http.Request
	x       *exchange
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
	// opened is closed when there is something to send, fed when feed has ended,
	// with fault, and over when the upload was aborted, with reason.
	opened, fed, over   chan struct{}
	open, aborting      sync.Once
	fault, reason       error
	stalled, late       *time.Timer
	waitsForClient, all atomic.Bool
}

func (g *gateway) newUpload(c *gin.Context, boundary string) *upload {
	u := &upload{
		g: g, request: c.Request, x: exchangeOf(c),
		opened: make(chan struct{}), fed: make(chan struct{}), over: make(chan struct{}),
	}
	u.ctx, u.cancel = context.WithCancelCause(c.Request.Context())
	u.out, u.in = io.Pipe()
	settings := g.Config.Uploads
	end := u.x.started.Add(settings.Timeout)
	u.client = http.NoBody
	if body := bodyOf(c); body != nil {
		u.pump = body.stream(streamLimits{bytes: settings.MaxBytes, until: end.Add(uploadGrace)})
		u.client = u.pump
	}
	u.form = newForm(&uploadSource{u, u.client}, boundary, &uploadSink{u}, settings.MaxFiles)
	u.stalled = time.AfterFunc(settings.StallTimeout, func() { u.expire(settings.StallTimeout) })
	u.late = time.AfterFunc(time.Until(end), func() { u.expire(settings.Timeout) })
	return u
}

// feed copies the form until its end, or until it cannot go on.
func (u *upload) feed() {
	defer close(u.fed)
	err := u.form.copy()
	switch {
	case err == nil:
		u.all.Store(true)
		u.fault = u.in.Close()
	case errors.Is(err, errTaken):
		u.fault = err
	default:
		u.abort(err, err)
	}
}

// abort ends the exchange so that the service never has a whole request. The
// first reason stays; cause is what the exchange ends with.
func (u *upload) abort(reason, cause error) {
	u.aborting.Do(func() {
		u.reason = reason
		close(u.over)
		u.cancel(cause)
		_ = u.in.CloseWithError(errAborted) // a pipe always closes
	})
}

// expire aborts an upload that took too long, in the service's name unless the
// client is the one that is waited for.
func (u *upload) expire(limit time.Duration) {
	if u.waitsForClient.Load() {
		u.abort(domain.TimedOut("upload", limit, nil).At("httpserver.upload"), errAborted)
		return
	}
	u.abort(u.g.files.failure(domain.TimedOut(u.g.files.name, limit, nil)), context.DeadlineExceeded)
}

// progress puts off the end of an upload that does not stand still.
func (u *upload) progress() {
	if u.ctx.Err() == nil {
		u.stalled.Reset(u.g.Config.Uploads.StallTimeout)
	}
}

// end gives back what the upload holds, and waits for feed.
func (u *upload) end() {
	u.abort(errAborted, errAborted)
	u.stalled.Stop()
	u.late.Stop()
	_ = u.client.Close() // its owner reads it to its end
	<-u.fed
}

// why is the reason of an abort if there was one, else what the client's body
// ended with, else the error. net/http cancels the context when it cannot read the
// body, a little before the owner knows why.
func (u *upload) why(err error) error {
	select {
	case <-u.over:
		return u.reason
	default:
	}
	if err != nil && u.pump != nil && u.request.Context().Err() != nil {
		_ = u.pump.Close() // its owner reads it to its end
		<-u.pump.ended
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
	case <-s.upload.over:
		return 0, errTaken
	default:
	}
	s.upload.waitsForClient.Store(true)
	n, err := s.body.Read(p)
	s.upload.waitsForClient.Store(false)
	if n > 0 {
		s.upload.progress()
	}
	return n, err
}

// uploadSink is the form as the file service reads it.
type uploadSink struct{ upload *upload }

func (s *uploadSink) Write(p []byte) (int, error) {
	s.upload.open.Do(func() { close(s.upload.opened) })
	n, err := s.upload.in.Write(p)
	s.upload.progress()
	return n, err
}
