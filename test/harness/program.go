package harness

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/recorded"
	"github.com/huleedu/edge/test/suspend"
)

// WaitLimit limits the wait for an event. It is long, because only a failing test uses it up.
const WaitLimit = 60 * time.Second

// Program is a program that runs in its own process.
type Program struct {
	Stdout, Stderr *recorded.Log

	cmd *exec.Cmd
	// started receives the listen address; it is closed when the output ends.
	started chan string
	address string
	done    chan struct{}
}

// Start starts the program "gateway", "websocket" or "edge" in an empty directory, with these
// settings and no others. The end of the test kills it.
func Start(t *testing.T, name string, settings map[string]string, args ...string) *Program {
	t.Helper()
	return StartIn(t, t.TempDir(), name, settings, args...)
}

// StartIn is Start with a working directory.
func StartIn(t *testing.T, dir, name string, settings map[string]string, args ...string) *Program {
	t.Helper()
	programs, err := buildPrograms()
	require.NoError(t, err)
	return startFile(t, dir, filepath.Join(programs, name), settings, args...)
}

// StartLimited is Start with a limit of open files.
func StartLimited(t *testing.T, name string, settings map[string]string, openFiles int) *Program {
	t.Helper()
	programs, err := buildPrograms()
	require.NoError(t, err)
	limit := fmt.Sprintf(`ulimit -n %d && exec "$0"`, openFiles)
	return startFile(t, t.TempDir(), "/bin/sh", settings, "-c", limit, filepath.Join(programs, name))
}

// StartFile is Start with the path of a program that was built before.
func StartFile(t *testing.T, path string, settings map[string]string) *Program {
	t.Helper()
	return startFile(t, t.TempDir(), path, settings)
}

func startFile(t *testing.T, dir, path string, settings map[string]string, args ...string) *Program {
	t.Helper()
	p := &Program{
		Stdout: recorded.NewLog(t), Stderr: recorded.NewLog(t), cmd: exec.Command(path, args...),
		started: make(chan string, 1), done: make(chan struct{}),
	}
	p.cmd.Dir, p.cmd.Stderr = dir, p.Stderr
	p.cmd.Env = []string{"GOCOVERDIR=" + os.Getenv(coverVariable), "GORACE=" + os.Getenv("GORACE")}
	for key, value := range settings {
		p.cmd.Env = append(p.cmd.Env, key+"="+value)
	}
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go p.readOutput(stdout)
	t.Cleanup(p.Kill)
	return p
}

// readOutput copies the output until the program ends and finds the listen address in it.
func (p *Program) readOutput(stdout io.Reader) {
	defer close(p.done)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		_, _ = p.Stdout.Write(append(lines.Bytes(), '\n'))
		// Earlier versions wrote the text as "message".
		var line struct{ Event, Message, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && (line.Event == "started" || line.Message == "started") {
			p.started <- line.Address
		}
	}
	close(p.started)
	_ = p.cmd.Wait() // Exit returns the result
}

// Address waits until the program has logged its listen address, and returns it.
func (p *Program) Address(t *testing.T) string {
	t.Helper()
	if p.address == "" {
		select {
		case p.address = <-p.started:
			require.NotEmpty(t, p.address, "the program ended: %s%s", p.Stdout, p.Stderr)
		case <-time.After(WaitLimit):
			require.FailNow(t, "the program did not start", "%s%s", p.Stdout, p.Stderr)
		}
	}
	return p.address
}

// PID returns the id of the process.
func (p *Program) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal to the program.
func (p *Program) Signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(s))
}

// Pause stops the threads of the program until Resume.
func (p *Program) Pause(t *testing.T) {
	t.Helper()
	require.NoError(t, suspend.Stop(p.cmd.Process))
}

// Resume continues the program after Pause.
func (p *Program) Resume(t *testing.T) {
	t.Helper()
	require.NoError(t, suspend.Continue(p.cmd.Process))
}

// Terminate sends SIGTERM.
func (p *Program) Terminate(t *testing.T) {
	t.Helper()
	p.Signal(t, syscall.SIGTERM)
}

// Exit waits until the program ends and returns its exit code, which is -1 after a signal. The test
// fails if the program runs longer than the limit.
func (p *Program) Exit(t *testing.T, limit time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(limit):
		require.FailNow(t, "the program did not end", "%s%s", p.Stdout, p.Stderr)
	}
	return p.cmd.ProcessState.ExitCode()
}

// Stop sends SIGTERM, waits for the end and returns how long that took. The test fails if the exit
// code is not 0 or a step of the shutdown fails.
func (p *Program) Stop(t *testing.T) time.Duration {
	t.Helper()
	startedAt := time.Now()
	p.Terminate(t)
	require.Equal(t, 0, p.Exit(t, WaitLimit), "%s%s", p.Stdout, p.Stderr)
	took := time.Since(startedAt)
	require.NotContains(t, p.Stdout.String(), "a step of the drain failed")
	return took
}

// Kill sends SIGKILL and waits for the end. It may be called more than once.
func (p *Program) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}
