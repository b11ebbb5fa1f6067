package clients_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// The kinds of clients.
const (
	inChromium = "chromium"
	inNode     = "node"
)

// command is an instruction to the driver.
type command struct {
	ID      int    `json:"id"`
	Do      string `json:"do"`
	Tab     string `json:"tab,omitempty"`
	Browser string `json:"browser,omitempty"`
	// Options are the options of connect, and the session that names the user.
	Options map[string]any `json:"options,omitempty"`
	// Constructor passes a WebSocket constructor to a client in Node.
	Constructor bool   `json:"webSocket"`
	Code        string `json:"code,omitempty"`
	State       string `json:"state,omitempty"`
	MS          int    `json:"ms,omitempty"`
	Offline     bool   `json:"offline"`
}

// state is a client's state.
type state struct{ Status, Transport, Reason string }

// record is what one client has reported.
type record struct {
	received []int    // the numbers of stored notifications
	other    []string // types of other notifications
	gaps     []string
	errors   []string
	state    state
}

// driver is the process with the clients.
type driver struct {
	stdin   io.WriteCloser
	answers chan string // the error of each command, in order
	process *exec.Cmd

	mu      sync.Mutex
	tabs    map[string]*record
	changed chan struct{} // is closed and replaced when a client reports something
	last    int
}

// startDriver starts the clients' process. pages is the URL of their page.
func startDriver(t *testing.T, kind, pages string) *driver {
	t.Helper()
	env := os.Environ()
	if kind == inChromium {
		env = append(env, "CHROMIUM="+harness.Chromium(t))
	}
	modules, err := filepath.Abs(packageDir + "/node_modules")
	require.NoError(t, err)
	script, err := filepath.Abs("driver.cjs")
	require.NoError(t, err)
	d := &driver{process: exec.Command("node", script, kind, pages), answers: make(chan string, 1), tabs: map[string]*record{}, changed: make(chan struct{})}
	env = append(env, "NODE_PATH="+modules+":"+installPackage(t))
	d.process.Env, d.process.Stderr = env, os.Stderr
	d.stdin, err = d.process.StdinPipe()
	require.NoError(t, err)
	out, err := d.process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, d.process.Start())
	go d.readOutput(out)
	t.Cleanup(func() {
		_ = d.stdin.Close()
		_ = d.process.Wait()
	})
	require.Empty(t, d.await(t))
	return d
}

// installPackage returns a directory for NODE_PATH with the built package.
func installPackage(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	target, err := filepath.Abs(packageDir)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "@huleedu"), 0o750))
	require.NoError(t, os.Symlink(target, filepath.Join(dir, "@huleedu", "notifications")))
	return dir
}

// readOutput reads the driver's output until it ends.
func (d *driver) readOutput(out io.Reader) {
	defer close(d.answers)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			ID         *int
			Error      string
			Tab, Event string
			Value      json.RawMessage
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		if line.ID != nil {
			d.answers <- line.Error
			continue
		}
		d.record(line.Tab, line.Event, line.Value)
	}
}

// record stores what a client reports and wakes those who wait for it.
func (d *driver) record(tab, event string, value json.RawMessage) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.recordOf(tab)
	var number int
	var text string
	switch isNumber := json.Unmarshal(value, &number) == nil; {
	case event == "state":
		r.state = state{}
		_ = json.Unmarshal(value, &r.state)
	case event == "notification" && isNumber:
		r.received = append(r.received, number)
	default:
		_ = json.Unmarshal(value, &text)
		switch event {
		case "gap":
			r.gaps = append(r.gaps, text)
		case "error":
			r.errors = append(r.errors, text)
		default:
			r.other = append(r.other, text)
		}
	}
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *driver) recordOf(tab string) *record {
	if d.tabs[tab] == nil {
		d.tabs[tab] = &record{}
	}
	return d.tabs[tab]
}

// do executes a command and waits for its end.
func (d *driver) do(t *testing.T, c command) {
	t.Helper()
	d.last++
	c.ID = d.last
	require.NoError(t, json.NewEncoder(d.stdin).Encode(c))
	require.Empty(t, d.await(t), "%+v", c)
}

func (d *driver) await(t *testing.T) string {
	t.Helper()
	select {
	case text, ok := <-d.answers:
		require.True(t, ok, "the driver ended")
		return text
	case <-time.After(2 * harness.WaitLimit):
		require.FailNow(t, "timeout: the driver does not answer")
		return ""
	}
}

// get returns a copy of what a client has reported.
func (d *driver) get(tab string) record {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := *d.recordOf(tab)
	r.received = slices.Clone(r.received)
	return r
}

// awaitThat waits until a client's record fulfils a condition.
func (d *driver) awaitThat(t *testing.T, tab, what string, holds func(record) bool) {
	t.Helper()
	limit := time.After(2 * harness.WaitLimit)
	for {
		d.mu.Lock()
		changed := d.changed
		d.mu.Unlock()
		r := d.get(tab)
		if holds(r) {
			return
		}
		select {
		case <-changed:
		case <-limit:
			require.FailNow(t, "timeout", "%s: %s never; received %d, state %+v, gaps %v, errors %v", tab, what, len(r.received), r.state, r.gaps, r.errors)
		}
	}
}

// awaitStatus waits for a status of a client.
func (d *driver) awaitStatus(t *testing.T, tab, status string) {
	t.Helper()
	d.awaitThat(t, tab, status, func(r record) bool { return r.state.Status == status })
}
