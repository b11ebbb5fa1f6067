package httpserver

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	// lingerTime and lingerBytes bound what is read of a body after its answer.
	lingerTime  = 10 * time.Second
	lingerBytes = 16 << 20
)

// tail is a request's body of which something may be left when the answer is
// there.
type tail struct {
	io.ReadCloser
	// expects says that the client sends nothing before it is told to.
	expects bool
	// readers are whoever reads beside the chain's goroutine.
	readers sync.WaitGroup

	touched, ended atomic.Bool
}

// Read remembers that the client was asked for its body, and its end.
func (t *tail) Read(p []byte) (int, error) {
	t.touched.Store(true)
	n, err := t.ReadCloser.Read(p)
	if err != nil {
		t.ended.Store(true)
	}
	return n, err
}

// linger goes on reading for a while when a request is answered before its whole
// body is there: a browser looks for an answer only when it has sent everything,
// and one whose connection is cut on the way sees none. It stands outermost, so
// that refusals by the chain are seen too.
func (s *site) linger(c *gin.Context) {
	if c.Request.ContentLength != 0 {
		hearOut(c)
	}
}

// lingerEarly is linger for a route that answers while the body is still coming
// in.
func (s *site) lingerEarly(c *gin.Context) {
	both(c)
	c.Writer.Header()["Connection"] = s.fixed.close // until the whole body is there
	hearOut(c)
}

// hearOut runs the rest of the chain, and then reads the rest of the body.
func hearOut(c *gin.Context) {
	answer := http.NewResponseController(c.Writer)
	t := &tail{ReadCloser: c.Request.Body, expects: c.Request.Header.Get("Expect") != ""}
	c.Request.Body = t
	exchangeOf(c).tail = t
	defer t.end(answer)
	c.Next()
	if c.Writer.Written() {
		t.drop(answer)
	}
}

// end leaves nobody behind who reads.
func (t *tail) end(answer *http.ResponseController) {
	if !t.ended.Load() {
		_ = answer.SetReadDeadline(time.Now())
	}
	t.readers.Wait()
}

// drop sends the answer and reads on until the body's end, within limits. A
// client that waits to be asked for its body is not asked.
func (t *tail) drop(answer *http.ResponseController) {
	if t.ended.Load() || t.expects && !t.touched.Load() || answer.Flush() != nil {
		return
	}
	_ = answer.SetReadDeadline(time.Now().Add(lingerTime)) // a connection without deadlines has no client
	t.readers.Wait()
	_, _ = io.CopyN(io.Discard, t, lingerBytes)
}

// settled tells the client that its connection can be used again, if it has
// sent everything.
func (s *site) settled(c *gin.Context) {
	if exchangeOf(c).tail.ended.Load() {
		c.Writer.Header().Del("Connection")
	}
}
