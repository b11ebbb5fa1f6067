package wire_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/race"
)

const (
	module      = "github.com/huleedu/edge"
	boundLine   = "\tredisRateLimiter,"
	reboundLine = "\tmemoryRateLimiter,"
	program     = "package main\n\nimport (\n\t\"context\"\n\t\"os\"\n\n\t\"" + module + "/adapters/env\"\n\n\t\"rebound/wire\"\n)\n\n" +
		"func main() {\n\tctx := wire.UntilSignalled(context.Background())\n" +
		"\tos.Exit(wire.GatewayCommand().Run(ctx, nil, env.Vars(os.Environ()), os.Stdout, os.Stderr))\n}\n"
)

// TestRebindInOneLine changes one line of a copy of sets.go: the gateway counts requests
// in memory and not in Redis. It generates the copy with wire, builds it and runs it.
// It compiles and links a program, which takes about 20 seconds.
func TestRebindInOneLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copyModule(t, dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600))
	goCommand(t, dir, "tool", "wire", "gen", "./wire")
	generated, err := os.ReadFile(filepath.Join(dir, "wire", "wire_gen.go"))
	require.NoError(t, err)
	require.NotContains(t, string(generated), "redisRateLimiter")
	build := []string{"build", "-ldflags=-w", "-o", "gateway"}
	if race.Enabled { // the packages are then compiled already
		build = append(build, "-race")
	}
	goCommand(t, dir, append(build, ".")...)
	runGateway(t, dir)
}

// copyModule copies the files of package wire into a module of their own, with one line
// of sets.go changed.
func copyModule(t *testing.T, dir string) {
	t.Helper()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	definition, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	changed := strings.Replace(string(definition), "module "+module, "module rebound", 1) +
		"\nrequire " + module + " v0.0.0\n\nreplace " + module + " => " + root + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(changed), 0o600))
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o600))

	require.NoError(t, os.Mkdir(filepath.Join(dir, "wire"), 0o700))
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		if file == "sets.go" {
			require.Equal(t, 1, strings.Count(string(source), boundLine))
			source = []byte(strings.Replace(string(source), boundLine, reboundLine, 1))
		}
		if !strings.HasSuffix(file, "_test.go") {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "wire", file), source, 0o600))
		}
	}
}

func goCommand(t *testing.T, dir string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", args...)
	c.Dir = dir
	if !race.Enabled { // the race detector needs cgo
		c.Env = append(c.Environ(), "CGO_ENABLED=0")
	}
	out, err := c.CombinedOutput()
	require.NoError(t, err, "go %s: %s", strings.Join(args, " "), out)
}

// runGateway starts the program, waits for its log line and stops it.
func runGateway(t *testing.T, dir string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), filepath.Join(dir, "gateway"))
	c.Env = []string{
		"ENVIRONMENT=testing", "JWT_SECRET_KEY=" + material, "REDIS_URL=redis://127.0.0.1:1", "KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:1",
		"API_GATEWAY_HTTP_HOST=127.0.0.1", "API_GATEWAY_HTTP_PORT=0", "API_GATEWAY_DRAIN_NOTICE=0",
	}
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	started := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), `"started"`) {
			started = true
			require.NoError(t, c.Process.Signal(syscall.SIGTERM))
		}
	}
	require.NoError(t, c.Wait())
	require.True(t, started)
}
