package httpserver

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"

	"github.com/huleedu/edge/domain"
)

const (
	// maxUploadReply bounds the file service's answer, in bytes.
	maxUploadReply = 1 << 20
	// maxTold bounds, in characters, what is repeated of its words.
	maxTold = 200
)

// run makes the exchange, once there is something to send, and returns what to
// tell the client.
func (u *upload) run() (domain.Reply, error) {
	select {
	case <-u.opened:
	case <-u.over:
		return domain.Reply{}, u.reason
	}
	to := u.g.files
	ctx, span := u.g.tracer.Start(u.ctx, "gateway.proxy_request", to.start...)
	defer span.End()
	started := time.Now()
	reply, err := u.call(ctx)
	u.g.observer.Observe(domain.ServiceCalled{
		Service: to.name, Method: http.MethodPost, Endpoint: u.x.endpoint.template, Status: reply.Status, Took: time.Since(started),
	})
	markFailed(span, err)
	if u.all.Load() && span.IsRecording() {
		span.SetAttributes(attribute.String("batch.id", string(u.form.batch)))
	}
	return reply, u.why(err)
}

// call sends the form and judges the answer. The reply's status is set whenever
// there is one.
func (u *upload) call(ctx context.Context) (domain.Reply, error) {
	to := u.g.files
	req := (&http.Request{
		Method: http.MethodPost, URL: to.target(&url.URL{Path: u.request.URL.Path, RawQuery: u.request.URL.RawQuery}),
		Header: u.header(ctx), Body: u.out, ContentLength: -1, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	res, err := to.transport.RoundTrip(req)
	if err != nil {
		return domain.Reply{}, to.failure(err)
	}
	defer func() { _ = res.Body.Close() }()
	body := &heldReader{res.Body, domain.MemoryOf(ctx), to.name}
	reply := domain.Reply{Status: res.StatusCode, ContentType: res.Header.Get("Content-Type")}
	if !tookForm(reply.Status) {
		reply.Body = u.refusalBody(reply.Status, body)
		return reply, u.refusal(reply)
	}
	return u.acceptance(reply, body)
}

// refusalWait is how long the words of a refusal are waited for.
const refusalWait = time.Second

// refusalBody reads the body of a refusal where that matters. What came in time is
// good enough.
func (u *upload) refusalBody(status int, body io.Reader) []byte {
	if status != http.StatusBadRequest && status != http.StatusConflict {
		return nil
	}
	limit := time.AfterFunc(refusalWait, func() { u.cancel(errAborted) })
	defer limit.Stop()
	words, _ := io.ReadAll(io.LimitReader(body, maxUploadReply))
	return words
}

// acceptance is the answer to a form that the service took: it counts when the
// form was whole.
func (u *upload) acceptance(reply domain.Reply, body io.Reader) (domain.Reply, error) {
	to := u.g.files
	select {
	case <-u.over:
		return reply, u.reason
	case <-u.fed:
		if u.fault != nil {
			return reply, to.failure(domain.BrokenAnswer(to.name, errEarly))
		}
	}
	var err error
	if reply.Body, err = io.ReadAll(io.LimitReader(body, maxUploadReply+1)); err != nil {
		return reply, to.failure(err)
	}
	if len(reply.Body) > maxUploadReply {
		return reply, to.failure(domain.BrokenAnswer(to.name, nil))
	}
	return reply, nil
}

// header is the client's, without what it says of a body that is another now,
// by any spelling.
func (u *upload) header(ctx context.Context) http.Header {
	out := u.g.outgoing(ctx, u.request, u.x)
	var space [foldedSize]byte
	for name := range out {
		switch string(fold(space[:0], name)) {
		case "content-type", "content-encoding", "content-md5", "content-digest", "repr-digest", "digest":
			delete(out, name)
		}
	}
	out.Set("Content-Type", u.form.out.FormDataContentType())
	return out
}

func tookForm(status int) bool {
	return status == http.StatusCreated || status == http.StatusAccepted
}

// refusal is what becomes of the service's other answers.
func (u *upload) refusal(r domain.Reply) error {
	switch status := r.Status; {
	case status == http.StatusBadRequest:
		return domain.Invalid("form", "", "", told(r.Body)).At("httpserver.upload")
	case status == http.StatusForbidden, status == http.StatusConflict && conflict(r.Body) == domain.AuthorizationError:
		return domain.Forbidden("Not allowed to add files to this batch", nil).At("httpserver.upload")
	case status == http.StatusNotFound, status == http.StatusConflict && conflict(r.Body) == domain.ResourceNotFound:
		return u.unknownBatch()
	case status == http.StatusConflict:
		return &domain.Error{
			Code: domain.InvalidRequest, Kind: domain.Conflict, Message: "The batch cannot take files now", Op: "httpserver.upload",
		}
	default:
		return domain.External(u.g.files.name, status).At("httpserver.upload")
	}
}

// unknownBatch names the batch only if all of the form was read: feed is at it
// otherwise.
func (u *upload) unknownBatch() error {
	if u.all.Load() {
		return domain.NotFound("batch", string(u.form.batch)).At("httpserver.upload")
	}
	return &domain.Error{
		Code: domain.ResourceNotFound, Message: "batch not found", Op: "httpserver.upload",
		Details: map[string]any{"resource_type": "batch"},
	}
}

// conflict is the code inside a conflict's error, if it has one.
func conflict(body []byte) domain.Code {
	var answer struct {
		Error struct {
			Code domain.Code `json:"error_code"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	return answer.Error.Code
}

// told is what the service says is wrong with the form, when that is a short
// line of plain text, else words of ours.
func told(body []byte) string {
	var answer map[string]json.RawMessage
	if json.Unmarshal(body, &answer) == nil {
		for _, key := range []string{"error", "detail"} {
			var text string
			if json.Unmarshal(answer[key], &text) == nil && isLine(text) {
				return shorten(strings.TrimSpace(text))
			}
		}
	}
	return "The file service refused the form"
}

// isLine refuses what is markup, or more than a line: a stack trace, a page.
func isLine(text string) bool {
	return strings.TrimSpace(text) != "" && utf8.ValidString(text) &&
		!strings.ContainsAny(text, "<>") && !strings.ContainsFunc(text, unicode.IsControl)
}

func shorten(text string) string {
	if runes := []rune(text); len(runes) > maxTold {
		return string(runes[:maxTold])
	}
	return text
}
