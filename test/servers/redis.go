package servers

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// redisPatience bounds the wait for a server to answer its first PING.
const redisPatience = 10 * time.Second

// RedisProcess is a real Redis that one test has for itself, to be killed and
// hung. It keeps its port over a restart, and its data when an option asks for
// it.
type RedisProcess struct {
	t       testing.TB
	port    int
	dir     string
	config  string // the file that it reads before its options, if any
	options []string
	server  *exec.Cmd // nil while it does not run
}

// OwnRedis starts redis-server from PATH, with further options of its command
// line; it is gone when the test ends. Without the program it skips the test,
// or fails it when real servers are required.
func OwnRedis(t testing.TB, options ...string) *RedisProcess {
	t.Helper()
	return startRedis(t, "", options...)
}

func startRedis(t testing.TB, config string, options ...string) *RedisProcess {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		unavailable(t, "redis-server is not in PATH")
	}
	r := &RedisProcess{t: t, dir: t.TempDir(), config: config, options: options}
	t.Cleanup(func() {
		if r.server != nil {
			r.end()
		}
	})
	for range 5 {
		// Above 32768 an outgoing connection may already hold the port.
		r.port = 20000 + rand.IntN(12000)
		if r.portIsFree() && r.launch() {
			return r
		}
	}
	require.FailNow(t, "redis-server does not start")
	return nil
}

// URL is how clients find the server.
func (r *RedisProcess) URL() string { return "redis://" + r.Addr() }

// Addr is the server's host:port.
func (r *RedisProcess) Addr() string { return fmt.Sprintf("127.0.0.1:%d", r.port) }

// Port is the server's port.
func (r *RedisProcess) Port() int { return r.port }

// Kill ends the server as a crash does.
func (r *RedisProcess) Kill() { r.end() }

// Start starts a killed server again and returns when it answers.
func (r *RedisProcess) Start() {
	r.t.Helper()
	require.True(r.t, r.launch(), "redis-server does not start again on port %d", r.port)
}

// Pause hangs the server: connections stay, nobody answers.
func (r *RedisProcess) Pause() { require.NoError(r.t, r.server.Process.Signal(syscall.SIGSTOP)) }

// Resume lets a paused server go on where it was.
func (r *RedisProcess) Resume() { require.NoError(r.t, r.server.Process.Signal(syscall.SIGCONT)) }

func (r *RedisProcess) portIsFree() bool {
	l, err := net.Listen("tcp", r.Addr())
	return err == nil && l.Close() == nil
}

func (r *RedisProcess) end() {
	_ = r.server.Process.Kill()
	_ = r.server.Wait() // reports the signal that was just sent
	r.server = nil
}

// launch reports false when the server never answered.
func (r *RedisProcess) launch() bool {
	args := append([]string{
		"--port", fmt.Sprint(r.port), "--bind", "127.0.0.1", "--protected-mode", "no",
		"--save", "", "--appendonly", "no", "--dir", r.dir, "--logfile", os.DevNull,
	}, r.options...)
	if r.config != "" {
		args = append([]string{r.config}, args...)
	}
	r.server = exec.Command("redis-server", args...)
	require.NoError(r.t, r.server.Start())
	patience := time.After(redisPatience)
	looks := time.NewTicker(10 * time.Millisecond)
	defer looks.Stop()
	for !answersAs(r.Addr(), r.server.Process.Pid) {
		select {
		case <-looks.C:
		case <-patience:
			r.end()
			return false
		}
	}
	return true
}

// answersAs asks the server for its process id, so that a stranger on the port
// is not taken for it.
func answersAs(addr string, pid int) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("INFO server\r\n")); err != nil {
		return false
	}
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if id, found := strings.CutPrefix(lines.Text(), "process_id:"); found {
			return id == fmt.Sprint(pid)
		}
	}
	return false
}
