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

// workshop is where this run builds the programs.
func workshop() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("edge-faults-%d", os.Getpid()))
}

// built builds both services once, with the race detector when it is
// on here, which also spares compiling anew.
var built = sync.OnceValue(func() error {
	args := []string{"build", "-ldflags=-s -w", "-o", workshop() + "/"}
	if raced {
		args = append(args, "-race")
	}
	if err := os.MkdirAll(workshop(), 0o700); err != nil {
		return err
	}
	c := exec.Command("go", append(args, "github.com/huleedu/edge/cmd/gateway", "github.com/huleedu/edge/cmd/websocket")...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return nil
})

// program is a node as a process of its own, which can be stopped and killed.
type program struct {
	cmd     *exec.Cmd
	out     *logs
	address string
	ended   chan struct{}
}

// launch starts a node of the "gateway" or "websocket" and returns when it
// serves.
func launch(t *testing.T, name string, vars map[string]string) *program {
	t.Helper()
	require.NoError(t, built())
	out := newLogs(t)
	p := &program{cmd: exec.Command(filepath.Join(workshop(), name)), out: out, ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stderr = t.TempDir(), out
	p.cmd.Env = []string{} // nothing of ours: nil would hand all of it on
	for key, value := range vars {
		p.cmd.Env = append(p.cmd.Env, key+"="+value)
	}
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	address := make(chan string, 1)
	go p.follow(stdout, out, address)
	t.Cleanup(p.kill)
	select {
	case p.address = <-address:
	case <-p.ended:
	case <-time.After(patience):
	}
	require.NotEmpty(t, p.address, "the program does not start: %s", out)
	return p
}

// follow reads the program's log to its end, and finds where it serves.
func (p *program) follow(stdout io.Reader, out io.Writer, address chan<- string) {
	defer close(p.ended)
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		_, _ = out.Write(append(lines.Bytes(), '\n'))
		var in struct{ Event, Address string }
		if json.Unmarshal(lines.Bytes(), &in) == nil && in.Event == "started" {
			address <- in.Address
		}
	}
	_ = p.cmd.Wait() // stop reads the outcome; killed is as it should be
}

// stop asks the program to end, as whoever replaces it does, and returns how
// long it took. It must end well and complain of nothing.
func (p *program) stop(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.ended:
	case <-time.After(patience):
		require.FailNow(t, "the program does not end")
	}
	require.Equal(t, 0, p.cmd.ProcessState.ExitCode())
	require.NotContains(t, p.out.String(), "a step of the drain failed")
	return time.Since(began)
}

// kill ends the program as a crash does. More than once does nothing.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}
