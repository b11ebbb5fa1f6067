package faults_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// buildDir returns the directory of the programs of this run.
func buildDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("edge-faults-%d", os.Getpid()))
}

// buildPrograms builds both services once. It uses the race detector if this test does,
// which also reuses the build cache.
var buildPrograms = sync.OnceValue(func() error {
	args := []string{"build", "-ldflags=-s -w", "-o", buildDir() + "/"}
	if raceEnabled {
		args = append(args, "-race")
	}
	if err := os.MkdirAll(buildDir(), 0o700); err != nil {
		return err
	}
	c := exec.Command("go", append(args, "github.com/huleedu/edge/cmd/gateway", "github.com/huleedu/edge/cmd/websocket")...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return nil
})

// program is a node in its own process, which can be stopped and killed.
type program struct {
	cmd     *exec.Cmd
	out     *logBuffer
	address string
	done    chan struct{}
}

// startProgram starts the program "gateway" or "websocket" and returns when it has logged
// its address.
func startProgram(t *testing.T, name string, vars map[string]string) *program {
	t.Helper()
	require.NoError(t, buildPrograms())
	out := newLogBuffer(t)
	p := &program{cmd: exec.Command(filepath.Join(buildDir(), name)), out: out, done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stderr = t.TempDir(), out
	p.cmd.Env = []string{} // a nil slice would inherit the environment
	for key, value := range vars {
		p.cmd.Env = append(p.cmd.Env, key+"="+value)
	}
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	address := make(chan string, 1)
	go p.readOutput(stdout, out, address)
	t.Cleanup(p.kill)
	select {
	case p.address = <-address:
	case <-p.done:
	case <-time.After(waitLimit):
	}
	require.NotEmpty(t, p.address, "the program did not start: %s", out)
	return p
}

// readOutput copies the program's output until it ends and finds its address.
func (p *program) readOutput(stdout io.Reader, out io.Writer, address chan<- string) {
	defer close(p.done)
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		_, _ = out.Write(append(lines.Bytes(), '\n'))
		var in struct{ Event, Address string }
		if json.Unmarshal(lines.Bytes(), &in) == nil && in.Event == "started" {
			address <- in.Address
		}
	}
	_ = p.cmd.Wait() // stop checks the exit code
}

// stop sends SIGTERM and returns how long the shutdown took. The exit code must be 0
// and no step of the drain may fail.
func (p *program) stop(t *testing.T) time.Duration {
	t.Helper()
	startedAt := time.Now()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.done:
	case <-time.After(waitLimit):
		require.FailNow(t, "the program did not stop")
	}
	require.Equal(t, 0, p.cmd.ProcessState.ExitCode())
	require.NotContains(t, p.out.String(), "a step of the drain failed")
	return time.Since(startedAt)
}

// kill sends SIGKILL. It may be called more than once.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}
