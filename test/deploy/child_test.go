package deploy_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/recorded"
	"github.com/huleedu/edge/wire"
)

// childArgument makes the test program run a service in place of the tests. The name of the
// service and its settings, as KEY=VALUE, follow.
const childArgument = "run-service"

// runChild runs a service until it gets a signal.
func runChild(name string, settings []string) int {
	vars := map[string]string{}
	for _, entry := range settings {
		key, value, _ := strings.Cut(entry, "=")
		vars[key] = value
	}
	ctx := wire.UntilSignalled(context.Background())
	if name == "gateway" {
		return wire.GatewayCommand().Run(ctx, nil, vars, os.Stdout, os.Stderr)
	}
	return wire.WebSocketCommand().Run(ctx, nil, vars, os.Stdout, os.Stderr)
}

// child is a service in a process of its own. It keeps its address when it restarts.
type child struct {
	t       *testing.T
	name    string
	port    int
	admin   string // host:port for operators
	files   int    // limit of open files; 0: the one of this process
	args    []string
	log     *recorded.Log
	process *exec.Cmd // nil while it is not running
}

// startChild starts the service "gateway" or "websocket" and waits until it is alive. files limits
// its open files; 0 sets no limit.
func startChild(t *testing.T, name string, vars map[string]string, files int) *child {
	t.Helper()
	c := &child{t: t, name: name, port: freePort(t), files: files, log: recorded.NewLog(t)}
	c.admin = "127.0.0.1:" + strconv.Itoa(freePort(t))
	c.args = []string{
		childArgument, name, "API_GATEWAY_HTTP_HOST=127.0.0.1", "WEBSOCKET_HOST=127.0.0.1",
		"API_GATEWAY_HTTP_PORT=" + strconv.Itoa(c.port), "WEBSOCKET_PORT=" + strconv.Itoa(c.port),
		"API_GATEWAY_ADMIN_ADDR=" + c.admin, "WEBSOCKET_ADMIN_ADDR=" + c.admin,
	}
	for key, value := range vars {
		c.args = append(c.args, key+"="+value)
	}
	t.Cleanup(func() {
		if c.process != nil {
			c.kill()
		}
	})
	c.start()
	return c
}

func (c *child) addr() string { return "127.0.0.1:" + strconv.Itoa(c.port) }

// start starts a service that is not running.
func (c *child) start() {
	c.t.Helper()
	c.process = exec.Command(os.Args[0], c.args...)
	if c.files > 0 {
		limited := []string{"-c", fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, c.files), os.Args[0]}
		c.process = exec.Command("bash", append(limited, c.args...)...)
	}
	c.process.Env, c.process.Dir = []string{}, c.t.TempDir()
	c.process.Stdout, c.process.Stderr = c.log, c.log
	require.NoError(c.t, c.process.Start())
	awaitHealthy(c.t, c.port)
}

// terminate sends SIGTERM, which begins the drain.
func (c *child) terminate() { require.NoError(c.t, c.process.Process.Signal(syscall.SIGTERM)) }

// kill sends SIGKILL and waits for the end.
func (c *child) kill() {
	_ = c.process.Process.Kill()
	_ = c.process.Wait() // returns an error for the signal
	c.process = nil
}
