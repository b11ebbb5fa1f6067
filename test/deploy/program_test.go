package deploy_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/pause"
)

// waitLimit limits the wait for an event.
const waitLimit = 30 * time.Second

// imageUser is the user id of the images.
const imageUser = 65532

// image is a directory that contains only the program, built with the command of the Dockerfile.
type image struct{ name, directory string }

func build(t *testing.T, name string) image {
	t.Helper()
	i := image{name, t.TempDir()}
	line := strings.Replace(buildCommand(t, name), "/out/", i.directory+"/", 1)
	line = "export GOFLAGS=-buildvcs=false; " + line // the checkout may belong to another user
	c := exec.CommandContext(t.Context(), "sh", "-c", line)
	c.Dir = root
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return i
}

// command returns a command that runs the program like a container engine: with its directory as root directory,
// as imageUser, and with only these environment variables.
func (i image) command(ctx context.Context, vars []string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "/"+i.name, args...)
	c.Err, c.Dir, c.Env = nil, "/", vars // the path is inside the new root
	c.SysProcAttr = &syscall.SysProcAttr{Chroot: i.directory, Credential: &syscall.Credential{Uid: imageUser, Gid: imageUser}}
	return c
}

// TestProgramsRunInAnEmptyImage checks that each program runs alone in a directory, as imageUser, and that its health check
// works.
func TestProgramsRunInAnEmptyImage(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("** SKIPPED: only root can change the root directory")
	}
	const secret = "b7f3c1d95a2e8460b7f3c1d95a2e8460d1"
	for name, prefix := range map[string]string{"gateway": "API_GATEWAY_HTTP_", "websocket": "WEBSOCKET_"} {
		i := build(t, name)
		port := freePort(t)
		vars := []string{
			"ENVIRONMENT=production", "JWT_SECRET_KEY=" + secret, "HULEEDU_INTERNAL_API_KEY=" + secret,
			prefix + "HOST=127.0.0.1", prefix + "PORT=" + strconv.Itoa(port),
			"REDIS_URL=redis://127.0.0.1:1", "KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:1",
			"API_GATEWAY_DRAIN_NOTICE=0", "WEBSOCKET_DRAIN_NOTICE=0",
		}
		version, err := i.command(t.Context(), nil, "--version").CombinedOutput()
		require.NoError(t, err, "%s", version)
		require.Error(t, i.command(t.Context(), vars, "--healthcheck").Run(), "the service does not run yet")

		var text strings.Builder
		service := i.command(t.Context(), vars)
		service.Stdout, service.Stderr = &text, &text
		began := time.Now()
		require.NoError(t, service.Start())
		awaitHealthy(t, port)
		up := time.Since(began)
		memory := resident(t, service.Process.Pid)

		began = time.Now()
		out, err := i.command(t.Context(), vars, "--healthcheck").CombinedOutput()
		require.NoError(t, err, "%s", out)
		asked := time.Since(began)
		require.NoError(t, service.Process.Signal(syscall.SIGTERM))
		require.NoError(t, service.Wait(), "%s", &text)

		size, err := os.Stat(filepath.Join(i.directory, name))
		require.NoError(t, err)
		t.Logf("%s: %.1f MB, healthy after %d ms with %s resident, --healthcheck takes %d ms; %s",
			name, float64(size.Size())/1e6, up.Milliseconds(), memory, asked.Milliseconds(), strings.TrimSpace(string(version)))
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().(*net.TCPAddr).Port
}

// awaitHealthy waits until the health check of the service succeeds.
func awaitHealthy(t *testing.T, port int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for ; ctx.Err() == nil; pause.For(time.Millisecond, "polls a port that nothing listens on yet") {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/healthz", port), http.NoBody)
		require.NoError(t, err)
		res, err := client.Do(req)
		if err != nil {
			continue
		}
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusOK, res.StatusCode)
		return
	}
	require.FailNow(t, "the service did not become healthy")
}

// resident returns the resident memory of the process, with its unit.
func resident(t *testing.T, pid int) string {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if rest, is := strings.CutPrefix(line, "VmRSS:"); is {
			return strings.TrimSpace(rest)
		}
	}
	return "?"
}
