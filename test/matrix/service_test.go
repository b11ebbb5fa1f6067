package matrix_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/huleedu/edge/test/tcp"
)

// script handles one request at a service, after its header was read. It returns true if the connection can serve
// another request.
type script func(*call) bool

// plan defines how the services respond to the requests of one correlation id.
type plan struct {
	// run handles the requests; nil is answerWell.
	run script
	// only restricts run to requests whose path contains it. The others get answerWell.
	only string
	// released is closed to end scripts that hang.
	released chan struct{}

	mu    sync.Mutex
	calls map[string]int // requests by method and path
}

func newPlan(run script, only string) *plan {
	return &plan{run: run, only: only, released: make(chan struct{}), calls: map[string]int{}}
}

// counted returns how often each request arrived, by method and path.
func (p *plan) counted() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

// service is a TCP server that replaces every service behind the gateway. The plan of the correlation id
// selects its behaviour; without a plan it uses answerWell.
type service struct {
	url  string
	done <-chan struct{} // closed at the end of the test

	mu    sync.Mutex
	plans map[string]*plan
	seen  map[string]int // requests by correlation id
}

func startService(t *testing.T) *service {
	t.Helper()
	s := &service{done: t.Context().Done(), plans: map[string]*plan{}, seen: map[string]int{}}
	s.url = "http://" + tcp.Serve(t, func(c net.Conn) { s.serve(c.(*net.TCPConn)) })
	return s
}

// expect sets the plan of a correlation id.
func (s *service) expect(correlation string, p *plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plans[correlation] = p
}

// requests returns how many requests with the correlation id arrived.
func (s *service) requests(correlation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[correlation]
}

func (s *service) planOf(correlation string) *plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[correlation]++
	return s.plans[correlation]
}

// serve reads requests until the connection ends or a script returns false.
func (s *service) serve(conn *net.TCPConn) {
	in := bufio.NewReader(conn)
	for n := 0; ; n++ {
		request, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		c := &call{conn: conn, request: request, reused: n > 0, id: request.Header.Get("X-Correlation-ID"), done: s.done}
		run := script(answerWell)
		if p := s.planOf(c.id); p != nil {
			p.mu.Lock()
			p.calls[request.Method+" "+request.URL.Path]++
			p.mu.Unlock()
			c.released = p.released
			if p.run != nil && strings.Contains(request.URL.Path, p.only) {
				run = p.run
			}
		}
		if !run(c) {
			return
		}
	}
}

// call is one request at a service.
type call struct {
	conn           *net.TCPConn
	request        *http.Request
	id             string
	reused         bool
	released, done <-chan struct{}
}

var errUnread = errors.New("the body cannot be read")

// readBody reads the body to its end.
func (c *call) readBody() error {
	if _, err := io.Copy(io.Discard, c.request.Body); err != nil {
		return errUnread
	}
	return nil
}

func (c *call) write(text string) { _, _ = io.WriteString(c.conn, text) }

// reset closes the connection with a TCP reset.
func (c *call) reset() bool {
	_ = c.conn.SetLinger(0)
	_ = c.conn.Close()
	return false
}

// hang waits until the test of this request has ended.
func (c *call) hang() bool {
	select {
	case <-c.released:
	case <-c.done:
	}
	return false
}

// good returns the status and body of a healthy service. Every body contains the correlation id, so that a
// test detects the response to another request.
func (c *call) good() (status int, body string) {
	path := c.request.URL.Path
	user := c.request.Header.Get("X-User-ID")
	switch {
	case strings.HasPrefix(path, "/internal/v1/batches/user/"):
		return 200, fmt.Sprintf(`{"batches":[{"batch_id":%q,"user_id":%q,"overall_status":"ready"}],"pagination":{"limit":20,"offset":0,"total":1}}`, c.id, user)
	case strings.HasSuffix(path, "/preflight"):
		return 200, fmt.Sprintf(`{"allowed":true,"correlation_id":%q}`, c.id)
	case strings.HasPrefix(path, "/internal/"):
		return 200, fmt.Sprintf(`{"batch_id":"b","user_id":%q,"overall_status":"ready","correlation_id":%q}`, user, c.id)
	case path == "/v1/batches/register":
		return 202, fmt.Sprintf(`{"batch_id":"b","status":"registered","correlation_id":%q}`, c.id)
	case path == "/v1/files/batch":
		return 202, fmt.Sprintf(`{"message":"ok","batch_id":"b","correlation_id":%q}`, c.id)
	default:
		return 200, fmt.Sprintf(`{"correlation_id":%q}`, c.id)
	}
}

// head returns a status line and headers for a JSON body of n bytes.
func head(status, n int, more ...string) string {
	return fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n",
		status, http.StatusText(status), n, strings.Join(more, ""))
}

// answerWell reads the body and responds like a healthy service.
func answerWell(c *call) bool {
	if c.readBody() != nil {
		return false
	}
	status, body := c.good()
	c.write(c.whole(status, body))
	return true
}

// whole returns a complete response, without a body for HEAD.
func (c *call) whole(status int, body string, more ...string) string {
	if c.request.Method == http.MethodHead {
		return head(status, len(body), more...)
	}
	return head(status, len(body), more...) + body
}
