package matrix_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds the wait for an event that must happen.
const patience = 60 * time.Second

// coverDir is the variable with the directory for the gateway's coverage data.
const coverDir = "EDGE_COVER_DIR"

func buildDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("edge-matrix-%d", os.Getpid()))
}

// build builds the gateway once, with the race detector if the test has it.
var build = sync.OnceValue(func() error {
	args := []string{"build", "-ldflags=-s -w", "-o", buildDir() + "/"}
	if raceEnabled {
		args = append(args, "-race")
	}
	if os.Getenv(coverDir) != "" {
		args = append(args, "-cover", "-covermode=atomic", "-coverpkg=github.com/huleedu/edge/...")
	}
	if err := os.MkdirAll(buildDir(), 0o700); err != nil {
		return err
	}
	out, err := exec.Command("go", append(args, "github.com/huleedu/edge/cmd/gateway")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build the gateway: %w\n%s", err, out)
	}
	return nil
})

// gateway is a running gateway process.
type gateway struct {
	cmd   *exec.Cmd
	addr  string
	log   *accessLog
	ended chan struct{}
}

// startGateway starts a gateway with these settings and waits until it listens.
func startGateway(t *testing.T, vars map[string]string) *gateway {
	t.Helper()
	require.NoError(t, build())
	g := &gateway{cmd: exec.Command(filepath.Join(buildDir(), "gateway")), log: newAccessLog(), ended: make(chan struct{})}
	g.cmd.Dir, g.cmd.Stderr = t.TempDir(), g.log
	g.cmd.Env = []string{"GOCOVERDIR=" + os.Getenv(coverDir)}
	for key, value := range vars {
		g.cmd.Env = append(g.cmd.Env, key+"="+value)
	}
	stdout, err := g.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, g.cmd.Start())
	started := make(chan string, 1)
	go g.follow(stdout, started)
	t.Cleanup(g.kill)
	select {
	case g.addr = <-started:
	case <-g.ended:
	case <-time.After(patience):
	}
	require.NotEmpty(t, g.addr, "the gateway does not start: %s", g.log.text())
	return g
}

// follow reads the gateway's log to its end and reports the listen address.
func (g *gateway) follow(stdout io.Reader, started chan<- string) {
	defer close(g.ended)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var line struct{ Message, Event, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && (line.Message == "started" || line.Event == "started") {
			started <- line.Address
		}
		g.log.add(lines.Bytes())
	}
	_ = g.cmd.Wait() // stop reads the exit code
}

// stop terminates the gateway. It is an error of the test if the gateway had a
// data race or does not exit with 0.
func (g *gateway) stop(t *testing.T, name string) {
	t.Helper()
	require.NoError(t, g.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-g.ended:
	case <-time.After(patience):
		require.FailNow(t, "the gateway does not stop", name)
	}
	if races := g.log.races(); len(races) > 0 {
		t.Errorf("gateway %q has %d data races, the first one:\n%s", name, len(races), races[0])
	}
	if code := g.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("gateway %q exits with %d", name, code)
	}
}

// kill ends the process; a second call does nothing.
func (g *gateway) kill() {
	_ = g.cmd.Process.Kill()
	<-g.ended
}

// with returns settings with changes.
func with(vars, changes map[string]string) map[string]string {
	out := maps.Clone(vars)
	maps.Copy(out, changes)
	return out
}
