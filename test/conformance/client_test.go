package conformance_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// waitLimit limits every wait.
const waitLimit = 60 * time.Second

// The clients to test.
const (
	inNode     = "node"
	inChromium = "chromium"
)

// event is an event of one socket, as the client's code sees it.
type event struct {
	Name, Event string
	// Protocol and Extensions are set for "open".
	Protocol, Extensions string
	// Data is set for "message".
	Data string
	// Code, Reason and Clean are set for "close".
	Code   int
	Reason string
	Clean  bool
}

// command is an instruction to the client's code.
type command struct {
	Do        string   `json:"do"`
	Name      string   `json:"name,omitempty"`
	URL       string   `json:"url,omitempty"`
	Protocols []string `json:"protocols,omitempty"`
	Data      string   `json:"data,omitempty"`
	Code      int      `json:"code,omitempty"`
}

// client is an external program with a WebSocket implementation.
type client struct {
	// origin is the origin of the browser's page. It does not apply to Node.
	origin  string
	stdin   io.Writer
	events  chan event
	pending []event // events of other sockets, which arrived early
}

// start starts a client, which runs until the test ends.
func start(t *testing.T, kind string) *client {
	t.Helper()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<!doctype html><title>client</title>")
	}))
	t.Cleanup(page.Close)
	process := exec.Command("node", "client.cjs", kind, page.URL)
	process.Env = append(os.Environ(), "NODE_PATH="+harness.NodeModules(t))
	if kind == inChromium {
		process.Env = append(process.Env, "CHROMIUM="+harness.Chromium(t))
	}
	process.Stderr = os.Stderr
	in, err := process.StdinPipe()
	require.NoError(t, err)
	out, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	c := &client{origin: page.URL, stdin: in, events: make(chan event, 1<<12)}
	go c.readEvents(out)
	t.Cleanup(func() {
		_ = in.Close()
		_ = process.Wait()
	})
	require.Equal(t, "ready", c.awaitEvent(t, "").Event)
	return c
}

// readEvents reads the client's events until it ends.
func (c *client) readEvents(out io.Reader) {
	defer close(c.events)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) == nil {
			c.events <- e
		}
	}
}

func (c *client) send(t *testing.T, what command) {
	t.Helper()
	require.NoError(t, json.NewEncoder(c.stdin).Encode(what))
}

// awaitEvent waits for the next event of a socket.
func (c *client) awaitEvent(t *testing.T, name string) event {
	t.Helper()
	for i, e := range c.pending {
		if e.Name == name {
			c.pending = append(c.pending[:i:i], c.pending[i+1:]...)
			return e
		}
	}
	limit := time.After(waitLimit)
	for {
		select {
		case e, ok := <-c.events:
			require.True(t, ok, "the client ended")
			if e.Name == name {
				return e
			}
			c.pending = append(c.pending, e)
		case <-limit:
			require.FailNow(t, "timeout: no event", "of %q; others: %v", name, c.pending)
		}
	}
}

// connect opens a socket with the token in the subprotocol, which Node and browsers support,
// and waits until it is open.
func (c *client) connect(t *testing.T, name, url, token string) {
	t.Helper()
	c.send(t, command{Do: "open", Name: name, URL: url, Protocols: []string{protocol, "bearer." + token}})
	e := c.awaitEvent(t, name)
	require.Equal(t, "open", e.Event, "%+v", e)
	require.Equal(t, protocol, e.Protocol, "the server must select the protocol, not the token")
}

// protocol is the WebSocket subprotocol of the service.
const protocol = "huleedu.notifications.v1"

// awaitClose waits for the close event of a socket and skips other events.
func (c *client) awaitClose(t *testing.T, name string) event {
	t.Helper()
	for {
		if e := c.awaitEvent(t, name); e.Event == "close" {
			return e
		}
	}
}
