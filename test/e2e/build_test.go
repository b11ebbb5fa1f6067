package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// coverage names the directory where programs leave their coverage, if any. It
// is no GOCOVERDIR, which go test -cover sets to a directory of its own whose
// foreign data it ignores.
const coverage = "EDGE_COVER_DIR"

// workshop is where this run builds the programs.
func workshop() string { return filepath.Join(os.TempDir(), fmt.Sprintf("edge-e2e-%d", os.Getpid())) }

// built builds the programs once, instrumented when coverage is wanted. The
// race detector is on when it is on here, which also spares compiling anew.
var built = sync.OnceValue(func() error {
	args := []string{"build", "-ldflags=-s -w", "-o", workshop() + "/"}
	if raced {
		args = append(args, "-race")
	}
	if os.Getenv(coverage) != "" {
		args = append(args, "-cover", "-covermode=atomic", "-coverpkg=github.com/huleedu/edge/...")
	}
	if err := os.MkdirAll(workshop(), 0o700); err != nil {
		return err
	}
	c := exec.Command("go", append(args, "github.com/huleedu/edge/cmd/...")...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return nil
})

// program is a service, or the tool, as a process of its own.
type program struct {
	cmd    *exec.Cmd
	stdout *logs
	stderr *logs
	// address gets what the program is bound to; it is closed at its end.
	address chan string
	ended   chan struct{}
}

// run starts "gateway", "websocket" or "edge" with these settings and no others.
func run(t *testing.T, name string, vars map[string]string, args ...string) *program {
	t.Helper()
	return runIn(t, t.TempDir(), name, vars, args...)
}

// runIn is run in a directory.
func runIn(t *testing.T, dir, name string, vars map[string]string, args ...string) *program {
	t.Helper()
	require.NoError(t, built())
	p := &program{
		cmd:    exec.Command(filepath.Join(workshop(), name), args...),
		stdout: newLogs(t), stderr: newLogs(t), address: make(chan string, 1), ended: make(chan struct{}),
	}
	p.cmd.Dir, p.cmd.Stderr = dir, p.stderr
	p.cmd.Env = []string{"GOCOVERDIR=" + os.Getenv(coverage)}
	for key, value := range vars {
		p.cmd.Env = append(p.cmd.Env, key+"="+value)
	}
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go p.watch(out)
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// watch follows the program to its end.
func (p *program) watch(out io.Reader) {
	defer close(p.ended)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		_, _ = p.stdout.Write(append(lines.Bytes(), '\n'))
		var in struct{ Event, Address string }
		if json.Unmarshal(lines.Bytes(), &in) == nil && in.Event == "started" {
			p.address <- in.Address
		}
	}
	close(p.address)
	_ = p.cmd.Wait() // exit reads the outcome
}

// bound waits until the program serves.
func (p *program) bound(t *testing.T) string {
	t.Helper()
	select {
	case address := <-p.address:
		require.NotEmpty(t, address, "the program ended: %s", p.stderr)
		return address
	case <-time.After(patience):
		require.FailNow(t, "the program does not start", "%s%s", p.stdout, p.stderr)
		return ""
	}
}

func (p *program) terminate(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
}

// exit waits for the program's end, at most so long, and returns its code; -1
// is a signal's work.
func (p *program) exit(t *testing.T, within time.Duration) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		require.FailNow(t, "the program does not end", "%s%s", p.stdout, p.stderr)
		return 0
	}
}

// problems are the lines on stderr.
func (p *program) problems() []string {
	return strings.Split(strings.TrimSpace(p.stderr.String()), "\n")
}
