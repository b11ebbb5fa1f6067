package proxy

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/huleedu/edge/adapters/httpserver/requestbody"
	"github.com/huleedu/edge/domain"
)

const (
	// maxBody is the maximum size of a body that is passed on unread, in bytes.
	maxBody = 10 << 20
	// maxStreams is the maximum number of open event streams to services. A further stream is
	// refused. A stream does not count in the concurrency limit of its service.
	maxStreams = 1024
	// maxUserStreams is the maximum number of open event streams of one user to services.
	maxUserStreams = 16
	// streamRetryAfter is the Retry-After of a refused stream.
	streamRetryAfter = 5 * time.Second
	// deadlineGranularity is the minimal time between two changes of a deadline.
	deadlineGranularity = time.Second
	// maxStatus is the largest status that is passed on. A larger one is an invalid response.
	maxStatus = 599
	// eventStream is the media type of an event stream (server-sent events).
	eventStream = "text/event-stream"
)

var (
	errStatus   = errors.New("status is outside of 200 to 599")
	errDraining = errors.New("server is draining")
)

// ForwarderParts are the settings of a Forwarder. All are required.
type ForwarderParts struct {
	Headers HeaderRules
	// Services are the base URLs of all services. No redirect sends a client to them.
	Services []string
	// Idle bounds how long a request's body may make no progress, Timeout the whole body.
	Idle, Timeout time.Duration
	// Draining ends when the server stops. Event streams then end.
	Draining context.Context
	// AnnounceClose adds "Connection: close" to an answer while the server retires.
	AnnounceClose func(http.Header)
}

// Forwarder streams requests to services and answers back. It is safe for concurrent use.
type Forwarder struct {
	ForwarderParts
	locations locations
	streams   *UserLimiter
	buffers   requestbody.Buffers
}

// NewForwarder creates a Forwarder.
func NewForwarder(parts ForwarderParts) *Forwarder {
	return &Forwarder{
		ForwarderParts: parts, locations: newLocations(parts.Services),
		streams: NewUserLimiter(maxStreams, maxUserStreams),
	}
}

// Forward passes a request on to a service and its answer to w. It returns nil when the
// client has a complete answer, and requestbody.ErrClientLeft when the client left. After
// another error w may hold a part of an answer, which must then be cut.
func (f *Forwarder) Forward(w http.ResponseWriter, in Request, to *Backend) error {
	if err := to.Available(); err != nil {
		return err
	}
	if in.ContentLength > maxBody {
		return requestbody.TooLarge(maxBody)
	}
	return to.Call(in, func(ctx context.Context) (int, error) {
		e := &exchange{Forwarder: f, w: w, in: in, service: to}
		err := e.run(ctx)
		return e.status, err
	})
}

// exchange is one request to a service and its answer. It runs on the handler's
// goroutine; the stream reads the request's body.
type exchange struct {
	*Forwarder
	w       http.ResponseWriter
	in      Request
	service *Backend
	body    *requestbody.Stream // nil without a body

	status        int // the service's, 0 before it answered
	deadlineSetAt time.Time
}

// run sends the request and copies the answer. It returns nil when the client has a
// complete answer.
func (e *exchange) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	res, err := e.service.Transport.RoundTrip(e.request(ctx))
	if err != nil {
		return e.failure(err)
	}
	defer func() { _ = res.Body.Close() }()
	e.status = res.StatusCode
	if res.StatusCode < http.StatusOK || res.StatusCode > maxStatus {
		return e.service.Failure(domain.MalformedResponse(e.service.Name, errStatus))
	}
	if media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); media == eventStream {
		release, ok := e.streams.Acquire(e.in.Caller.User)
		if !ok {
			return e.service.Failure(domain.Unavailable(e.service.Name, streamRetryAfter).WithOp("httpserver.stream"))
		}
		defer release()
		defer context.AfterFunc(e.Draining, func() { cancel(errDraining) })()
	}
	err = e.copyResponse(res)
	if errors.Is(context.Cause(ctx), errDraining) {
		return nil // the stream ends without an error; its client reconnects to another node
	}
	return err
}

// request builds the request for the service. Path and query stay as received;
// headers are filtered; trailers are dropped, because some services read them as
// headers.
func (e *exchange) request(ctx context.Context) *http.Request {
	out := (&http.Request{
		Method: e.in.Method, URL: e.service.Target(e.in.URL), Header: e.Headers.Outbound(ctx, e.in),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	if _, named := out.Header["User-Agent"]; !named {
		out.Header["User-Agent"] = nil // else the transport names itself
	}
	e.body = requestbody.Of(e.in.Request).Stream(requestbody.StreamLimits{Bytes: maxBody, Idle: e.Idle, Until: e.in.Started.Add(e.Timeout)})
	if e.body != nil {
		out.Body, out.ContentLength = e.body, e.in.ContentLength
	}
	return out
}

// failure returns the error to answer. An error of the request's body takes precedence,
// because an incomplete body looks like a failure of the service.
func (e *exchange) failure(cause error) error {
	if err := e.body.Failure(e.in.Context()); err != nil {
		return err
	}
	return e.service.Failure(cause)
}

// copyResponse sends the service's answer to the client. If its length is known, the
// header is written after the first bytes of the body were read, so that a body that
// never arrives becomes an error answer.
func (e *exchange) copyResponse(res *http.Response) error {
	buffer := e.buffers.Get()
	defer e.buffers.Put(buffer)
	var n int
	var err error
	if res.ContentLength > 0 && e.in.Method != http.MethodHead {
		if n, err = res.Body.Read(buffer[:]); n == 0 && err != nil && !errors.Is(err, io.EOF) {
			return e.failure(err)
		}
	}
	e.writeHeader(res)
	flushes := res.ContentLength < 0
	for first := true; ; first = false {
		if (n > 0 || first && flushes) && !e.write(buffer[:n], flushes) {
			return requestbody.ErrClientLeft
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			_ = http.NewResponseController(e.w).Flush() // the client sees that an answer was cut
			return e.failure(err)
		}
		n, err = res.Body.Read(buffer[:])
	}
}

// writeHeader writes the service's header without hop-by-hop headers and without
// headers that the gateway sets itself.
func (e *exchange) writeHeader(res *http.Response) {
	h := e.w.Header()
	named := connectionOptions(res.Header)
	for name, values := range res.Header {
		switch {
		case isGatewayHeader(normalize(name)), named[name], isHopByHop(strings.ToLower(name)):
		case name == "Vary":
			h["Vary"] = append(slices.Clip(h["Vary"]), values...)
		case name == "Location", name == "Content-Location":
			if value, kept := e.locations.rewrite(values[0], e.service.Prefix); kept {
				h[name] = []string{value}
			}
		default:
			h[name] = values
		}
	}
	if _, declared := res.Header["Content-Type"]; !declared {
		h["Content-Type"] = nil // else net/http would guess
	}
	e.AnnounceClose(h)
	e.extendWriteDeadline()
	e.w.WriteHeader(res.StatusCode)
	_, _ = e.w.Write(nil) // gin writes the header with the first write
}

// extendWriteDeadline gives the client requestbody.WriteIdleTimeout for the next write.
func (e *exchange) extendWriteDeadline() {
	if now := time.Now(); now.Sub(e.deadlineSetAt) > deadlineGranularity {
		e.deadlineSetAt = now
		_ = http.NewResponseController(e.w).SetWriteDeadline(now.Add(requestbody.WriteIdleTimeout)) // a writer without deadlines has no client
	}
}

// write sends a piece to the client. It returns false when the client cannot be
// written to.
func (e *exchange) write(piece []byte, flush bool) bool {
	e.extendWriteDeadline()
	if len(piece) > 0 {
		if _, err := e.w.Write(piece); err != nil {
			return false
		}
	}
	return !flush || http.NewResponseController(e.w).Flush() == nil
}
