package matrix_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// bystanders are clients that send requests to healthy services in a loop, each on its own persistent
// connection. They must not notice the failures of others.
type bystanders struct {
	done  chan struct{}
	group sync.WaitGroup
	pause time.Duration // between two requests of a client

	mu   sync.Mutex
	sent int
	lost []string
}

// startBystanders starts the clients. stop must be called.
func startBystanders(addr string, pause time.Duration) *bystanders {
	b := &bystanders{done: make(chan struct{}), pause: pause}
	for _, request := range []struct{ method, path, body string }{
		{"GET", "/v1/batches/b/status", ""},
		{"GET", "/v1/classes/x", ""},
		{"POST", "/v1/classes/x", `{"name":"7A"}`},
	} {
		b.group.Go(func() { b.poll(addr, request.method, request.path, request.body) })
	}
	return b
}

// stop ends the bystanders and returns their requests that failed.
func (b *bystanders) stop() []string {
	close(b.done)
	b.group.Wait()
	return b.lost
}

func (b *bystanders) poll(addr, method, path, content string) {
	ticker := time.NewTicker(b.pause)
	defer ticker.Stop()
	var conn *client
	for {
		select {
		case <-b.done:
			if conn != nil {
				conn.close()
			}
			return
		case <-ticker.C:
		}
		conn = b.request(conn, addr, method, path, content)
	}
}

// request sends one request and returns the connection for the next one, or nil if it must open a new
// one.
func (b *bystanders) request(conn *client, addr, method, path, content string) *client {
	id := uuid.NewString()
	if conn == nil {
		var err error
		if conn, err = dial(addr); err != nil {
			b.note(method, path, err)
			return nil
		}
	}
	length := ""
	if content != "" {
		length = fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(content))
	}
	_ = conn.conn.SetReadDeadline(time.Now().Add(bound))
	conn.send(requestHead(method, path, "bystander", id) + length + "\r\n" + content)
	r := conn.read(method)
	<-conn.sent
	if r.err != nil || r.cut || r.status != http.StatusOK || !strings.Contains(r.body, id) {
		b.note(method, path, fmt.Errorf("got %s", r))
	} else {
		b.note(method, path, nil)
	}
	if r.err != nil || r.cut || r.closes {
		conn.close()
		return nil
	}
	return conn
}

// note counts a request. err is nil if the response was correct.
func (b *bystanders) note(method, path string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent++
	if err != nil {
		b.lost = append(b.lost, fmt.Sprintf("%s %s: %v", method, path, err))
	}
}
