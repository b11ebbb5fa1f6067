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

	"github.com/huleedu/edge/adapters/internal/httpreason"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// maxUploadReply bounds the file service's answer, in bytes.
	maxUploadReply = 1 << 20
	// maxServiceMessage bounds, in characters, what is repeated of its words.
	maxServiceMessage = 200
)

// run calls the file service when the first bytes of the copy are ready. It returns
// the answer for the client.
func (u *upload) run() (ports.Passthrough, error) {
	select {
	case <-u.started:
	case <-u.aborted:
		return ports.Passthrough{}, u.reason
	}
	to := u.g.files
	ctx, span := u.g.tracer.Start(u.ctx, "gateway.proxy_request", to.spanOptions...)
	defer span.End()
	started := time.Now()
	reply, err := u.call(ctx)
	u.g.observer.Observe(domain.ServiceCalled{
		Service: to.name, Method: http.MethodPost, Endpoint: u.state.endpoint.template, Status: reply.Status, Duration: time.Since(started),
	})
	markSpanFailed(span, err)
	if u.complete.Load() && span.IsRecording() {
		span.SetAttributes(attribute.String("batch.id", string(u.form.batch)))
	}
	return reply, u.failure(err)
}

// call sends the form and reads the answer. The reply's status is set when the
// service answered, also beside an error.
func (u *upload) call(ctx context.Context) (ports.Passthrough, error) {
	to := u.g.files
	req := (&http.Request{
		Method: http.MethodPost, URL: to.target(&url.URL{Path: u.request.URL.Path, RawQuery: u.request.URL.RawQuery}),
		Header: u.header(ctx), Body: u.out, ContentLength: -1, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	res, err := to.transport.RoundTrip(req)
	if err != nil {
		return ports.Passthrough{}, to.failure(err)
	}
	defer func() { _ = res.Body.Close() }()
	body := &budgetReader{res.Body, domain.MemoryOf(ctx), to.name}
	reply := ports.Passthrough{Status: res.StatusCode, ContentType: res.Header.Get("Content-Type")}
	if !isAccepted(reply.Status) {
		reply.Body = u.refusalBody(reply.Status, body)
		return reply, u.refusalError(reply)
	}
	return u.readAcceptance(reply, body)
}

// refusalTimeout is how long the words of a refusal are waited for.
const refusalTimeout = time.Second

// refusalBody reads the body of a 400 or 409. It returns what arrives within
// refusalTimeout.
func (u *upload) refusalBody(status int, body io.Reader) []byte {
	if status != http.StatusBadRequest && status != http.StatusConflict {
		return nil
	}
	limit := time.AfterFunc(refusalTimeout, func() { u.cancel(errAborted) })
	defer limit.Stop()
	words, _ := io.ReadAll(io.LimitReader(body, maxUploadReply))
	return words
}

// readAcceptance reads the answer to an accepted form. It returns an error if the form
// was not complete.
func (u *upload) readAcceptance(reply ports.Passthrough, body io.Reader) (ports.Passthrough, error) {
	to := u.g.files
	select {
	case <-u.aborted:
		return reply, u.reason
	case <-u.copied:
		if u.copyErr != nil {
			return reply, to.failure(domain.MalformedResponse(to.name, errEarlyAcceptance))
		}
	}
	var err error
	if reply.Body, err = io.ReadAll(io.LimitReader(body, maxUploadReply+1)); err != nil {
		return reply, to.failure(err)
	}
	if len(reply.Body) > maxUploadReply {
		return reply, to.failure(domain.MalformedResponse(to.name, nil))
	}
	return reply, nil
}

// header returns the outbound header without the headers that describe the client's
// body, in any spelling.
func (u *upload) header(ctx context.Context) http.Header {
	out := u.g.outboundHeader(ctx, u.request, u.state)
	var space [maxReservedName]byte
	for name := range out {
		switch string(normalizeName(space[:0], name)) {
		case "content-type", "content-encoding", "content-md5", "content-digest", "repr-digest", "digest":
			delete(out, name)
		}
	}
	out.Set("Content-Type", u.form.out.FormDataContentType())
	return out
}

func isAccepted(status int) bool {
	return status == http.StatusCreated || status == http.StatusAccepted
}

// refusalError translates the service's other answers.
func (u *upload) refusalError(r ports.Passthrough) error {
	switch status := r.Status; {
	case status == http.StatusBadRequest:
		return domain.Invalid("form", "", "", serviceMessage(r.Body)).WithOp("httpserver.upload")
	case status == http.StatusForbidden, status == http.StatusConflict && conflictCode(r.Body) == domain.AuthorizationError:
		return domain.Forbidden("Not allowed to add files to this batch", nil).WithOp("httpserver.upload")
	case status == http.StatusNotFound, status == http.StatusConflict && conflictCode(r.Body) == domain.ResourceNotFound:
		return u.unknownBatch()
	case status == http.StatusConflict:
		return &domain.Error{
			Code: domain.InvalidRequest, Reason: httpreason.Conflict, Message: "The batch cannot take files now", Op: "httpserver.upload",
		}
	default:
		return domain.External(u.g.files.name, status).WithOp("httpserver.upload")
	}
}

// unknownBatch returns the 404. It contains the batch id only if copyForm has ended,
// because copyForm writes the id.
func (u *upload) unknownBatch() error {
	if u.complete.Load() {
		return domain.NotFound("batch", string(u.form.batch)).WithOp("httpserver.upload")
	}
	return &domain.Error{
		Code: domain.ResourceNotFound, Message: "batch not found", Op: "httpserver.upload",
		Details: map[string]any{"resource_type": "batch"},
	}
}

// conflictCode returns the error code in the body of a 409, or an empty code.
func conflictCode(body []byte) domain.Code {
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

// serviceMessage returns the service's error or detail text if it is one line of plain
// text, else a fixed message.
func serviceMessage(body []byte) string {
	var answer map[string]json.RawMessage
	if json.Unmarshal(body, &answer) == nil {
		for _, key := range []string{"error", "detail"} {
			var text string
			if json.Unmarshal(answer[key], &text) == nil && isPlainLine(text) {
				return truncateRunes(strings.TrimSpace(text))
			}
		}
	}
	return "The file service refused the form"
}

// isPlainLine reports whether a text is one line without markup.
func isPlainLine(text string) bool {
	return strings.TrimSpace(text) != "" && utf8.ValidString(text) &&
		!strings.ContainsAny(text, "<>") && !strings.ContainsFunc(text, unicode.IsControl)
}

func truncateRunes(text string) string {
	if runes := []rune(text); len(runes) > maxServiceMessage {
		return string(runes[:maxServiceMessage])
	}
	return text
}
