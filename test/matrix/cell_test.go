package matrix_test

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// cell is one test of the matrix: a request with a body to a route whose service fails.
type cell struct {
	route   route
	failure failure
	body    body
	user    string
	id      string // correlation id of the request
	nextID  string // correlation id of the next request on the connection
	plan    *plan
	// arrived returns how many requests of the cell its services have read.
	arrived func(id string) int
	// raced is set if the gateway sent the request on an idle connection that the service closed at the same time.
	// Only GET and HEAD may be sent again then (RFC 9112 section 9.3.1).
	raced bool

	first, next result
	logged      bool
	// recorded is a summary of the log line, for the report.
	recorded string
	problems []string
}

func newCell(r route, f failure, b body) *cell {
	id := uuid.NewString()
	return &cell{route: r, failure: f, body: b, user: "user-" + id, id: id, nextID: uuid.NewString(), plan: newPlan(f.run, r.only)}
}

func (c *cell) name() string {
	return fmt.Sprintf("%s | %s | %s", c.route.name, c.failure.name, c.body.name)
}

// waits reports whether the cell waits for seconds and needs little CPU.
func (c *cell) waits() bool { return c.failure.waits || c.body.endless || c.body.slow }

// expected returns the permitted outcomes.
func (c *cell) expected() string {
	want := c.failure.want.of(c.route.kind)
	fault := clientFault(c.body)
	if fault != "" && c.failure.name == "none" && c.route.readsBody() {
		return fault[1:]
	}
	return want + fault
}

func (c *cell) problem(format string, values ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, values...))
}

// run sends the request and then another one on the same connection. After a framing error, the gateway must
// not read the second request.
func (c *cell) run(addr string) {
	defer close(c.plan.released)
	conn, err := dial(addr)
	if err != nil {
		c.problem("cannot connect: %v", err)
		return
	}
	defer conn.close()
	head, wire := c.body.request(c.route, c.user, c.id)
	parts := c.body.parts(head + wire)
	switch {
	case c.body.invalid:
		parts = append(parts[:len(parts)-1], parts[len(parts)-1]+get("/v1/classes/hidden", c.user, c.nextID))
	case !c.body.endless:
		parts = append(parts[:len(parts)-1], parts[len(parts)-1]+get("/v1/test/with-auth", c.user, c.nextID))
	}
	conn.send(parts...)
	c.first = conn.read(c.route.method)
	c.checkFirst()
	if c.first.err == nil {
		c.checkNext(conn)
	}
}

// checkFirst compares the response with the permitted outcomes.
func (c *cell) checkFirst() {
	r, want := c.first, c.expected()
	if c.raced = c.lostOnIdleConnection(); c.raced {
		return
	}
	if !matches(r, want, c.route.goodStatus) {
		c.problem("expected %s, got %s", want, r)
		return
	}
	if got := r.header.Get("X-Correlation-Id"); got != c.id {
		c.problem("the response has correlation id %q", got)
	}
	if !r.cut && !r.head && r.status != http.StatusNoContent && r.body != "" && !strings.Contains(r.body, c.id) {
		c.problem("the response belongs to another request: %s", r)
	}
}

// lostOnIdleConnection reports whether the service could not be reached, for a request that must not be retried
// and that no service has read.
func (c *cell) lostOnIdleConnection() bool {
	safe := c.route.method == http.MethodGet || c.route.method == http.MethodHead
	return !safe && !matches(c.first, c.expected(), c.route.goodStatus) &&
		matches(c.first, refused, c.route.goodStatus) && c.arrived(c.id) == 0
}

// checkNext checks the connection after the response: it ends, or serves the next request.
func (c *cell) checkNext(conn *client) {
	switch {
	case c.body.endless && !c.first.cut:
		if !c.first.closes {
			c.problem("%s to an incomplete body does not announce the close", c.first)
		}
	case c.first.cut || c.first.closes || c.body.invalid:
		if c.first.status == http.StatusBadRequest && !c.first.closes {
			c.problem("%s for a framing error does not announce the close", c.first)
		}
		if err := conn.ended(); err != nil {
			c.problem("the connection does not end after %s: %v", c.first, err)
		}
	default:
		c.next = conn.read(http.MethodGet)
		if c.next.err != nil || c.next.cut || c.next.status != http.StatusOK || c.next.header.Get("X-Correlation-Id") != c.nextID {
			c.problem("the next request on the connection, after %s, got %s", c.first, c.next)
		}
	}
}
