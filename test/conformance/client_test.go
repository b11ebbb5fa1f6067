package conformance_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds the wait for anything that will happen.
const patience = 60 * time.Second

// The clients that are tried.
const (
	inNode     = "node"
	inChromium = "chromium"
)

// event is what a client's code sees of one socket.
type event struct {
	Name, Event string
	// Protocol and Extensions come with "open".
	Protocol, Extensions string
	// Data comes with "message".
	Data string
	// Code, Reason and Clean come with "close".
	Code   int
	Reason string
	Clean  bool
}

// command is what a client's code is told.
type command struct {
	Do        string   `json:"do"`
	Name      string   `json:"name,omitempty"`
	URL       string   `json:"url,omitempty"`
	Protocols []string `json:"protocols,omitempty"`
	Data      string   `json:"data,omitempty"`
	Code      int      `json:"code,omitempty"`
}

// client is a program outside that has WebSockets.
type client struct {
	// origin is that of the browser's page; Node has none.
	origin string
	stdin  io.Writer
	events chan event
	early  []event // those of other sockets than the one waited for
}

// modules is the directory of the Node packages.
func modules(t *testing.T) string {
	t.Helper()
	c := exec.Command("./node.sh")
	said := &strings.Builder{}
	c.Stderr = said
	path, err := c.Output()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() == noInterpreter {
		lacking(t, said.String())
	}
	require.NoError(t, err, "%s", said)
	return strings.TrimSpace(string(path))
}

// start runs a client until the test ends.
func start(t *testing.T, kind string) *client {
	t.Helper()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<!doctype html><title>client</title>")
	}))
	t.Cleanup(page.Close)
	if kind == inChromium {
		if _, err := os.Stat(browser()); err != nil {
			lacking(t, "there is no Chromium: "+err.Error())
		}
	}
	process := exec.Command("node", "client.cjs", kind, page.URL)
	process.Env = append(os.Environ(), "NODE_PATH="+modules(t), "CHROMIUM="+browser())
	process.Stderr = os.Stderr
	in, err := process.StdinPipe()
	require.NoError(t, err)
	out, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	c := &client{origin: page.URL, stdin: in, events: make(chan event, 1<<12)}
	go c.follow(out)
	t.Cleanup(func() {
		_ = in.Close()
		_ = process.Wait()
	})
	require.Equal(t, "ready", c.next(t, "").Event)
	return c
}

// browser is the program to run as Chromium.
func browser() string {
	if path := os.Getenv("CHROMIUM"); path != "" {
		return path
	}
	return "/usr/bin/chromium"
}

// follow reads what the client says, to its end.
func (c *client) follow(out io.Reader) {
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

func (c *client) do(t *testing.T, what command) {
	t.Helper()
	require.NoError(t, json.NewEncoder(c.stdin).Encode(what))
}

// next waits for the next event of a socket.
func (c *client) next(t *testing.T, name string) event {
	t.Helper()
	for i, e := range c.early {
		if e.Name == name {
			c.early = append(c.early[:i:i], c.early[i+1:]...)
			return e
		}
	}
	limit := time.After(patience)
	for {
		select {
		case e, ok := <-c.events:
			require.True(t, ok, "the client ended")
			if e.Name == name {
				return e
			}
			c.early = append(c.early, e)
		case <-limit:
			require.FailNow(t, "the client sees nothing", "of %q; others: %v", name, c.early)
		}
	}
}

// connect opens a socket with the token in the subprotocol, which both worlds
// can do, and waits until it is open.
func (c *client) connect(t *testing.T, name, url, token string) {
	t.Helper()
	c.do(t, command{Do: "open", Name: name, URL: url, Protocols: []string{protocol, "bearer." + token}})
	e := c.next(t, name)
	require.Equal(t, "open", e.Event, "%+v", e)
	require.Equal(t, protocol, e.Protocol, "the server selects the protocol, never the token")
}

// protocol is what clients and service speak.
const protocol = "huleedu.notifications.v1"

// end waits for the end of a socket, past messages and errors.
func (c *client) end(t *testing.T, name string) event {
	t.Helper()
	for {
		if e := c.next(t, name); e.Event == "close" {
			return e
		}
	}
}
