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

// linger lets a route answer before it has the whole body, and goes on reading
// for a while: a browser looks for an answer only when it has sent everything,
// and one whose connection is cut on the way sees none. It stands outermost, so
// that refusals by the chain are seen too.
func (s *site) linger(c *gin.Context) {
	both(c)
	answer := http.NewResponseController(c.Writer)
	t := &tail{ReadCloser: c.Request.Body, expects: c.Request.Header.Get("Expect") != ""}
	c.Request.Body = t
	exchangeOf(c).tail = t
	c.Writer.Header()["Connection"] = s.fixed.close // until the whole body is there
	defer func() {
		if !t.ended.Load() {
			_ = answer.SetReadDeadline(time.Now()) // ends whoever still reads
		}
		t.readers.Wait()
	}()
	c.Next()
	if c.Writer.Written() {
		t.drop(answer)
	}
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
