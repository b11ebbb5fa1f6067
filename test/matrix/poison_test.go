package matrix_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"

	"github.com/huleedu/edge/test/harness"
)

// TestASecondAnswerReachesNoOtherRequest: a service sends a second answer, or
// garbage, behind a good one. No other request gets those bytes as its answer,
// whichever takes the connection next.
func TestASecondAnswerReachesNoOtherRequest(t *testing.T) {
	const workers = 16
	rounds := harness.Count(100, 30)
	e := newEnvironment(t)
	g := startGateway(t, e.vars)
	for name, tail := range map[string]string{
		"second answer": "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
		"garbage":       "no HTTP at all",
	} {
		p := newPlan(followed(tail), "")
		var mu sync.Mutex
		wrong := map[string]int{}
		var group sync.WaitGroup
		for n := range workers {
			group.Go(func() {
				for range rounds {
					id := uuid.NewString()
					if n%2 == 0 {
						e.service.expect(id, p)
					}
					if r := oneGet(g.addr, fmt.Sprint("user-", n), id); r.err != nil || r.status != http.StatusOK || !strings.Contains(r.body, id) {
						mu.Lock()
						wrong[r.String()]++
						mu.Unlock()
					}
				}
			})
		}
		group.Wait()
		assert.Empty(t, wrong, name)
	}
	g.stop(t, "")
}

// oneGet sends a request on a connection of its own.
func oneGet(addr, user, id string) result {
	conn, err := dial(addr)
	if err != nil {
		return result{err: err}
	}
	defer conn.close()
	conn.send(get("/v1/classes/x", user, id))
	return conn.read(http.MethodGet)
}
