package httpserver

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"slices"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

const (
	// maxStill is how long a client may take nothing of its answer.
	maxStill = 30 * time.Second
	// deadlineStep is how far a deadline may be off, to set it less often.
	deadlineStep = time.Second
	// relayBuffer is what one exchange holds of a body at a time, in bytes.
	relayBuffer = 32 << 10
)

var errStatus = errors.New("status is outside of 200 to 599")

// relay is one request that is passed on and the answer that is passed back.
// To the proxy it is the client: it takes the service's answer and gives the
// client's side what is not ours.
type relay struct {
	c      *gin.Context
	site   *site
	to     *upstream
	header http.Header // what goes out
	body   *intake     // nil without a body
	// patience ends when the client has had its time.
	patience time.Time

	status   int // the service's, 0 before it answered
	theirs   http.Header
	failure  error // why there is no answer
	broken   error // why the service's body ended too early
	unwanted bool  // the client took no more
	renewed  time.Time
}

// run makes the exchange. It returns why there is no whole answer, nil when
// the client has one, or left.
func (r *relay) run(in *http.Request, buffers *buffers) (err error) {
	defer func() {
		if value := recover(); value != nil {
			cut, ok := value.(error)
			if !ok || !errors.Is(cut, http.ErrAbortHandler) {
				panic(value)
			}
			err = r.cut()
		}
	}()
	proxy := httputil.ReverseProxy{
		Rewrite: r.rewrite, Transport: r.to.transport, ModifyResponse: r.judge,
		ErrorHandler: r.fail, BufferPool: buffers, ErrorLog: buffers.silence,
	}
	in.Header = nil // the proxy copies what it is given
	proxy.ServeHTTP(r, in)
	return r.failure
}

// rewrite aims the request at the service: path and query as they came, no
// header that was not chosen, no trailers, which some services read as headers.
func (r *relay) rewrite(p *httputil.ProxyRequest) {
	p.Out.URL = r.to.target(p.In.URL)
	p.Out.Host = ""
	p.Out.Header = r.header
	p.Out.Trailer = nil
	p.Out.TransferEncoding = nil
	if p.Out.Body != nil {
		r.body = &intake{
			ReadCloser: p.Out.Body, limit: maxPassed,
			until: http.NewResponseController(r.c.Writer).SetReadDeadline,
		}
		p.Out.Body = r.body
	}
}

// judge looks at the service's answer before its client sees any of it. A
// switch of protocols is none, because nobody asked for one.
func (r *relay) judge(res *http.Response) error {
	r.status = res.StatusCode
	if res.StatusCode < http.StatusOK || res.StatusCode > maxStatus {
		return domain.BrokenAnswer(r.to.name, errStatus)
	}
	res.Body = &outflow{res.Body, &r.broken}
	return nil
}

const maxStatus = 599

// fail notes why there is no answer. What the client did comes first: a body
// that ends too early looks like a broken service.
func (r *relay) fail(_ http.ResponseWriter, _ *http.Request, err error) {
	if r.failure = r.body.failure(); r.failure == nil {
		r.failure = r.to.failure(err)
	}
}

// cut says what ended an answer that had begun: the service, or the client,
// which is nobody's error.
func (r *relay) cut() error {
	if !r.unwanted && !errors.Is(r.c.Request.Context().Err(), context.Canceled) && r.broken != nil {
		return r.to.failure(r.broken)
	}
	return errLeft
}

// Header is where the service's header goes, never the client's own.
func (r *relay) Header() http.Header { return r.theirs }

// WriteHeader begins the client's answer: the service's header, save what the
// gateway answers for itself. Answers on the way (1xx) end here.
func (r *relay) WriteHeader(status int) {
	if status < http.StatusOK {
		return
	}
	h := r.c.Writer.Header()
	for name, values := range r.theirs {
		switch {
		case ours(name):
		case name == "Vary":
			h["Vary"] = append(slices.Clip(h["Vary"]), values...)
		default:
			h[name] = values
		}
	}
	if _, told := r.theirs["Content-Type"]; !told {
		h["Content-Type"] = nil // or net/http would guess
	}
	r.site.part(h)
	r.c.Status(status)
	r.c.Writer.WriteHeaderNow()
}

// Write passes on a piece of the answer.
func (r *relay) Write(p []byte) (int, error) {
	if now := time.Now(); now.Sub(r.renewed) > deadlineStep {
		r.renewed = now
		end := now.Add(maxStill)
		if r.patience.Before(end) {
			end = r.patience
		}
		_ = http.NewResponseController(r.c.Writer).SetWriteDeadline(end) // a writer without deadlines has no client
	}
	n, err := r.c.Writer.Write(p)
	r.unwanted = r.unwanted || err != nil
	return n, err
}

// Unwrap lets the proxy flush what it has.
func (r *relay) Unwrap() http.ResponseWriter { return r.c.Writer }

// outflow is a service's body that remembers why it ended too early.
type outflow struct {
	io.ReadCloser
	broken *error
}

func (b *outflow) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		*b.broken = err
	}
	return n, err
}

// buffers are what bodies pass through, shared by all exchanges.
type buffers struct {
	pool sync.Pool
	// silence swallows what the proxy would log: failures are logged once, where
	// they are answered.
	silence *log.Logger
}

func newBuffers() *buffers { return &buffers{silence: log.New(io.Discard, "", 0)} }

// Get returns a buffer that is nobody else's.
func (b *buffers) Get() []byte {
	if buffer, ok := b.pool.Get().(*[relayBuffer]byte); ok {
		return buffer[:]
	}
	return make([]byte, relayBuffer)
}

// Put takes a buffer back.
func (b *buffers) Put(buffer []byte) {
	if len(buffer) == relayBuffer {
		b.pool.Put((*[relayBuffer]byte)(buffer))
	}
}
