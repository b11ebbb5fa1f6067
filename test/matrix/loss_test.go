package matrix_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// TestFailuresOfOneUserLoseNoRequestOfAnother: one user posts to a dead service
// and sends broken chunks to a healthy one; every request of another user gets
// its own answer.
func TestFailuresOfOneUserLoseNoRequestOfAnother(t *testing.T) {
	const workers = 8
	rounds := harness.Count(100, 60)
	e := newEnvironment(t)
	g := startGateway(t, with(e.vars, map[string]string{"API_GATEWAY_BFF_TEACHER_URL": "http://127.0.0.1:1"}))
	known := bodies()
	for _, fault := range []struct {
		name string
		path string
		body body
		want int
	}{
		{"posts to a dead service", "/bff/v1/teacher/x", known["small"], http.StatusServiceUnavailable},
		{"broken chunks", "/v1/classes/x", known["bad size"], http.StatusBadRequest},
	} {
		others := startBystanders(g.addr, time.Millisecond)
		var failed atomic.Int64
		var group sync.WaitGroup
		for range workers {
			group.Go(func() {
				for range rounds {
					if failingRequest(g.addr, fault.path, fault.body) == fault.want {
						failed.Add(1)
					}
				}
			})
		}
		group.Wait()
		lost := others.stop()
		t.Logf("%s: %d failures of one user answered; %d of %d requests of the other lost", fault.name, failed.Load(), len(lost), others.sent)
		assert.EqualValues(t, workers*rounds, failed.Load(), "%s: answers with status %d", fault.name, fault.want)
		assert.Empty(t, lost, fault.name)
		require.Greater(t, others.sent, 100)
	}
	g.stop(t, "")
}

// failingRequest sends a POST on a new connection and returns the status of its
// answer, 0 without one.
func failingRequest(addr, path string, b body) int {
	conn, err := dial(addr)
	if err != nil {
		return 0
	}
	defer conn.close()
	head, wire := b.request(route{method: "POST", path: path, kind: through, media: "application/json"}, "attacker", uuid.NewString())
	conn.send(head + wire)
	r := conn.read("POST")
	return r.status
}
