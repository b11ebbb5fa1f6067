package httpserver

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

const (
	// deadlineGranularity is the minimal time between two changes of a deadline.
	deadlineGranularity = time.Second
	maxStatus           = 599
	eventStream         = "text/event-stream"
)

var (
	errStatus   = errors.New("status is outside of 200 to 599")
	errDraining = errors.New("server is draining")
)

// proxy forwards one request and its answer. It runs on the handler's goroutine; the
// bodyPump reads the request's body.
type proxy struct {
	*gateway
	c        *gin.Context
	upstream *upstream
	body     *bodyPump // nil without a body

	status        int // the service's, 0 before it answered
	deadlineSetAt time.Time
}

// run sends the request and copies the answer. It returns nil when the client has a
// complete answer.
func (p *proxy) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	res, err := p.upstream.transport.RoundTrip(p.request(ctx))
	if err != nil {
		return p.failure(err)
	}
	defer func() { _ = res.Body.Close() }()
	p.status = res.StatusCode
	if res.StatusCode < http.StatusOK || res.StatusCode > maxStatus {
		return p.upstream.failure(domain.MalformedResponse(p.upstream.name, errStatus))
	}
	if media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); media == eventStream {
		closed, err := p.streamLimiter.acquire(requestStateOf(p.c).caller.User, p.upstream.name)
		if err != nil {
			return p.upstream.failure(err)
		}
		defer closed()
		defer context.AfterFunc(p.draining, func() { cancel(errDraining) })()
	}
	err = p.copyResponse(res)
	if errors.Is(context.Cause(ctx), errDraining) {
		return nil // the stream ends without an error; its client reconnects to another node
	}
	return err
}

// request builds the request for the service. Path and query stay as received;
// headers are filtered; trailers are dropped, because some services read them as
// headers.
func (p *proxy) request(ctx context.Context) *http.Request {
	in, x := p.c.Request, requestStateOf(p.c)
	out := (&http.Request{
		Method: in.Method, URL: p.upstream.target(in.URL), Header: p.outboundHeader(ctx, in, x),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	if _, named := out.Header["User-Agent"]; !named {
		out.Header["User-Agent"] = nil // else the transport names itself
	}
	if owner := bodyOf(p.c); owner != nil {
		p.body = owner.stream(streamLimits{bytes: maxForwardedBody, idle: p.StreamIdle, until: x.started.Add(p.Config.Uploads.Timeout)})
		out.Body, out.ContentLength = p.body, in.ContentLength
	}
	return out
}

// failure returns the error to answer. An error of the request's body takes
// precedence, because an incomplete body looks like a failure of the service.
// net/http cancels the context before the pump stores its error, so failure waits
// for the pump in that case.
func (p *proxy) failure(cause error) error {
	if p.body != nil && p.c.Request.Context().Err() != nil {
		_ = p.body.Close() // the pump discards the rest
		<-p.body.done
	}
	if err := p.body.failure(); err != nil {
		return err
	}
	return p.upstream.failure(cause)
}

// copyResponse sends the service's answer to the client. If its length is known, the
// header is written after the first bytes of the body were read, so that a body that
// never arrives becomes an error answer.
func (p *proxy) copyResponse(res *http.Response) error {
	buffer := p.buffers.get()
	defer p.buffers.put(buffer)
	var n int
	var err error
	if res.ContentLength > 0 && p.c.Request.Method != http.MethodHead {
		if n, err = res.Body.Read(buffer[:]); n == 0 && err != nil && !errors.Is(err, io.EOF) {
			return p.failure(err)
		}
	}
	p.writeHeader(res)
	flushes := res.ContentLength < 0
	for first := true; ; first = false {
		if (n > 0 || first && flushes) && !p.write(buffer[:n], flushes) {
			return errClientLeft
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			_ = http.NewResponseController(p.c.Writer).Flush() // the client sees that an answer was cut
			return p.failure(err)
		}
		n, err = res.Body.Read(buffer[:])
	}
}

// writeHeader writes the service's header without hop-by-hop headers and without
// headers that the gateway sets itself.
func (p *proxy) writeHeader(res *http.Response) {
	h := p.c.Writer.Header()
	named := connectionOptions(res.Header)
	for name, values := range res.Header {
		switch {
		case isGatewayHeader(name), named[name], isHopByHop(name):
		case name == "Vary":
			h["Vary"] = append(slices.Clip(h["Vary"]), values...)
		case name == "Location", name == "Content-Location":
			if value, kept := p.locations.rewrite(values[0], p.upstream.prefix); kept {
				h[name] = []string{value}
			}
		default:
			h[name] = values
		}
	}
	if _, told := res.Header["Content-Type"]; !told {
		h["Content-Type"] = nil // or net/http would guess
	}
	p.announceClose(h)
	p.extendWriteDeadline()
	p.c.Status(res.StatusCode)
	p.c.Writer.WriteHeaderNow()
}

// isHopByHop reports whether a response header must not be forwarded.
func isHopByHop(name string) bool {
	switch textproto.CanonicalMIMEHeaderKey(name) {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	default:
		return strings.EqualFold(name, "Http2-Settings")
	}
}

// extendWriteDeadline gives the client writeIdleTimeout for the next write.
func (p *proxy) extendWriteDeadline() {
	if now := time.Now(); now.Sub(p.deadlineSetAt) > deadlineGranularity {
		p.deadlineSetAt = now
		_ = http.NewResponseController(p.c.Writer).SetWriteDeadline(now.Add(writeIdleTimeout)) // a writer without deadlines has no client
	}
}

// write sends a piece to the client. It returns false when the client cannot be
// written to.
func (p *proxy) write(piece []byte, flush bool) bool {
	p.extendWriteDeadline()
	if len(piece) > 0 {
		if _, err := p.c.Writer.Write(piece); err != nil {
			return false
		}
	}
	return !flush || http.NewResponseController(p.c.Writer).Flush() == nil
}
