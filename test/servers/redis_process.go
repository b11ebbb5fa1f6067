package servers

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/suspend"
)

// redisStartLimit limits the wait for a server to start.
const redisStartLimit = 10 * time.Second

// RedisProcess is a real Redis for one test, which can kill and pause it. It keeps its port
// when it restarts, and its data if its options enable persistence.
type RedisProcess struct {
	t       testing.TB
	port    int
	dir     string
	config  string // configuration file, optional
	options []string
	server  *exec.Cmd // nil while it is not running
}

// OwnRedis starts redis-server with additional command line options. The server is stopped
// when the test ends. Without redis-server the test is skipped, or fails when real servers
// are required.
func OwnRedis(t testing.TB, options ...string) *RedisProcess {
	t.Helper()
	return startRedis(t, "", options...)
}

func startRedis(t testing.TB, config string, options ...string) *RedisProcess {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		skipOrFail(t, "redis-server is not in PATH")
	}
	r := &RedisProcess{t: t, dir: t.TempDir(), config: config, options: options}
	t.Cleanup(func() {
		if r.server != nil {
			r.killProcess()
		}
	})
	for range 5 {
		// Ports above 32768 may be in use by outgoing connections.
		r.port = 20000 + rand.IntN(12000)
		if r.portIsFree() && r.startProcess() {
			return r
		}
	}
	require.FailNow(t, "redis-server did not start")
	return nil
}

// URL returns the server's URL.
func (r *RedisProcess) URL() string { return "redis://" + r.Addr() }

// Addr returns the server's host:port.
func (r *RedisProcess) Addr() string { return fmt.Sprintf("127.0.0.1:%d", r.port) }

// Port returns the server's port.
func (r *RedisProcess) Port() int { return r.port }

// Kill sends SIGKILL to the server.
func (r *RedisProcess) Kill() { r.killProcess() }

// Start starts a killed server and returns when it responds.
func (r *RedisProcess) Start() {
	r.t.Helper()
	require.True(r.t, r.startProcess(), "redis-server did not restart on port %d", r.port)
}

// Pause stops the server process: connections stay open without responses.
func (r *RedisProcess) Pause() { require.NoError(r.t, suspend.Stop(r.server.Process)) }

// Resume continues a paused server.
func (r *RedisProcess) Resume() { require.NoError(r.t, suspend.Continue(r.server.Process)) }

func (r *RedisProcess) portIsFree() bool {
	l, err := net.Listen("tcp", r.Addr())
	return err == nil && l.Close() == nil
}

func (r *RedisProcess) killProcess() {
	_ = r.server.Process.Kill()
	_ = r.server.Wait() // returns an error for the signal
	r.server = nil
}

// startProcess starts the process. It returns false when the server does not respond in time.
func (r *RedisProcess) startProcess() bool {
	args := append([]string{
		"--port", fmt.Sprint(r.port), "--bind", "127.0.0.1", "--protected-mode", "no",
		"--save", "", "--appendonly", "no", "--dir", r.dir, "--logfile", os.DevNull,
	}, r.options...)
	if r.config != "" {
		args = append([]string{r.config}, args...)
	}
	r.server = exec.Command("redis-server", args...)
	require.NoError(r.t, r.server.Start())
	timeout := time.After(redisStartLimit)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !respondsWithPID(r.Addr(), r.server.Process.Pid) {
		select {
		case <-ticker.C:
		case <-timeout:
			r.killProcess()
			return false
		}
	}
	return true
}

// respondsWithPID reports whether the server at the address has the process id. Another process
// can have taken the port.
func respondsWithPID(addr string, pid int) bool {
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
