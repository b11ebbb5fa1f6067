package upload

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/httpserver/proxy"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// maxReply bounds the file service's answer, in bytes.
const maxReply = 1 << 20

// run calls the file service when the first bytes of the copy are ready. It returns
// the answer for the client.
func (t *transfer) run() (ports.Passthrough, error) {
	select {
	case <-t.started:
	case <-t.aborted:
		return ports.Passthrough{}, t.reason
	}
	var reply ports.Passthrough
	err := t.files.Call(t.request(), func(ctx context.Context) (status int, err error) {
		reply, err = t.call(ctx)
		if t.complete.Load() {
			trace.SpanFromContext(ctx).SetAttributes(attribute.String("batch.id", string(t.form.batch)))
		}
		return reply.Status, err
	})
	return reply, t.failure(err)
}

// request returns the client's request with the context of the call.
func (t *transfer) request() proxy.Request {
	in := t.in
	in.Request = in.WithContext(t.ctx)
	return in
}

// call sends the form and reads the answer. The reply's status is set when the
// service answered, also with an error.
func (t *transfer) call(ctx context.Context) (ports.Passthrough, error) {
	to := t.files
	req := (&http.Request{
		Method: http.MethodPost, URL: to.Target(&url.URL{Path: t.in.URL.Path, RawQuery: t.in.URL.RawQuery}),
		Header: t.header(ctx), Body: t.copyReader, ContentLength: -1, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	res, err := to.Transport.RoundTrip(req)
	if err != nil {
		return ports.Passthrough{}, to.Failure(err)
	}
	defer func() { _ = res.Body.Close() }()
	body := &budgetReader{res.Body, domain.MemoryOf(ctx), to.Name}
	reply := ports.Passthrough{Status: res.StatusCode, ContentType: res.Header.Get("Content-Type")}
	if reply.Status != http.StatusCreated && reply.Status != http.StatusAccepted {
		reply.Body = t.refusalBody(reply.Status, body)
		return reply, t.refusalError(reply)
	}
	return t.readAcceptance(reply, body)
}

// refusalTimeout bounds the wait for the body of a refusal.
const refusalTimeout = time.Second

// refusalBody reads the body of a 400 or 409. It returns what arrives within
// refusalTimeout.
func (t *transfer) refusalBody(status int, body io.Reader) []byte {
	if status != http.StatusBadRequest && status != http.StatusConflict {
		return nil
	}
	limit := time.AfterFunc(refusalTimeout, func() { t.cancel(errAborted) })
	defer limit.Stop()
	text, _ := io.ReadAll(io.LimitReader(body, maxReply))
	return text
}

// readAcceptance reads the answer to an accepted form. It returns an error if the form
// was not complete.
func (t *transfer) readAcceptance(reply ports.Passthrough, body io.Reader) (ports.Passthrough, error) {
	to := t.files
	select {
	case <-t.aborted:
		return reply, t.reason
	case <-t.copied:
		if t.copyErr != nil {
			return reply, to.Failure(domain.MalformedResponse(to.Name, errEarlyAcceptance))
		}
	}
	var err error
	if reply.Body, err = io.ReadAll(io.LimitReader(body, maxReply+1)); err != nil {
		return reply, to.Failure(err)
	}
	if len(reply.Body) > maxReply {
		return reply, to.Failure(domain.MalformedResponse(to.Name, nil))
	}
	return reply, nil
}

// header returns the outbound header without the headers that describe the client's
// body.
func (t *transfer) header(ctx context.Context) http.Header {
	out := t.headers.Outbound(ctx, t.in, "content-type", "content-encoding", "content-md5", "content-digest", "repr-digest", "digest")
	out.Set("Content-Type", t.form.out.FormDataContentType())
	return out
}
