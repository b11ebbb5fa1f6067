package matrix_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"

	"github.com/huleedu/edge/test/harness"
)

// TestEarlyAnswerArrives: a service answers before it has read the body and
// ends the connection, with or without an announcement. The client gets that
// answer every time, and the service gets the request once.
func TestEarlyAnswerArrives(t *testing.T) {
	const parallel = 5
	repeats := harness.Count(50, 10)
	e := newEnvironment(t)
	g := startGateway(t, e.vars)
	forward := route{name: "classes", method: "POST", path: "/v1/classes/x", kind: through, media: "application/json", goodStatus: 200}
	files := route{name: "files", method: "POST", path: "/v1/files/batch", kind: upload, media: "multipart/form-data; boundary=B", goodStatus: 202}
	for _, row := range []struct {
		route  route
		bytes  int
		status int // 0 is the good answer
		want   string
	}{
		{forward, otherLarge, 0, good},
		{forward, otherLarge, 400, "400"},
		{forward, otherLarge, 413, "413"},
		{files, 100 << 10, 0, okOr502}, // an upload accepted before its form has ended
		{files, 100 << 10, 400, "400 VALIDATION_ERROR"},
		{files, 100 << 10, 413, external},
	} {
		for name, run := range map[string]script{
			"unannounced, closes": unannounced(row.status, closes),
			"announced, resets":   earlyAnswer(row.status, (*call).reset),
		} {
			arrived, others := 0, map[string]int{}
			var mu sync.Mutex
			var group sync.WaitGroup
			for range parallel {
				group.Go(func() {
					for range repeats / parallel {
						r := e.earlyRequest(g.addr, row.route, row.bytes, run)
						mu.Lock()
						if matches(r, row.want, row.route.goodStatus) {
							arrived++
						} else {
							others[r.String()]++
						}
						mu.Unlock()
					}
				})
			}
			group.Wait()
			assert.Equal(t, repeats, arrived, "%s, %d bytes, %s, %s: got %v", row.route.name, row.bytes, row.want, name, others)
		}
	}
	g.stop(t, "")
}

// earlyRequest sends a body of so many bytes to a service that runs the script.
func (e *environment) earlyRequest(addr string, r route, bytes int, run script) result {
	id := uuid.NewString()
	p := newPlan(run, "")
	defer close(p.released)
	e.service.expect(id, p)
	conn, err := dial(addr)
	if err != nil {
		return result{err: err}
	}
	defer conn.close()
	content := strings.Repeat(" ", bytes)
	if r.kind == upload {
		content = strings.Replace(string(r.payload(false)), "essay", content, 1)
	}
	conn.send(requestHead(r.method, r.path, "user-"+id, id) +
		fmt.Sprintf("Content-Type: %s\r\nContent-Length: %d\r\n\r\n", r.media, len(content)) + content)
	out := conn.read(r.method)
	for call, n := range p.counted() {
		if n > 1 {
			out.err = fmt.Errorf("%s was sent %d times", call, n)
		}
	}
	return out
}

// unannounced is earlyAnswer without the announcement of the close.
func unannounced(status int, then script) script {
	return func(c *call) bool {
		answered, content := c.good()
		if status != 0 {
			answered, content = status, fmt.Sprintf(`{"error":"no","correlation_id":%q}`, c.id)
		}
		c.write(c.whole(answered, content))
		return then(c)
	}
}
