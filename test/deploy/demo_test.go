package deploy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/world"
)

// demo loads demo.compose.yaml as "docker compose config" does, without any other file.
func demo(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{root + "deploy/demo.compose.yaml"})
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

func TestDemoIsComplete(t *testing.T) {
	t.Parallel()
	p := demo(t)
	require.ElementsMatch(t, []string{"redis", "kafka", "topics", "platform", "gateway", "websocket"}, p.ServiceNames())
	for name, s := range p.Services {
		require.Empty(t, s.EnvFiles, "%s: a file must be written first", name)
		require.Empty(t, s.Volumes, "%s: the demonstration starts empty", name)
		if s.Build != nil {
			require.FileExists(t, root+s.Build.Dockerfile)
			require.Equal(t, "development", *s.Environment["ENVIRONMENT"], name)
		}
		for _, port := range s.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP, name)
		}
	}
	require.Equal(t, []string{"/edge"}, []string(command[*instructions.EntrypointCommand](t, dockerfile(t, "edge")[1]).CmdLine))
}

// TestDemoRuns runs the programs of the demonstration as processes with the environment and
// the arguments of its file, beside an embedded Redis and Kafka, and runs a pipeline to its
// end.
func TestDemoRuns(t *testing.T) {
	d := newDemoRun(t)
	d.start("platform", "--pace", "10ms")
	d.start("gateway")
	d.start("websocket")
	ctx, cancel := context.WithTimeout(t.Context(), 2*waitLimit)
	defer cancel()
	url := "http://" + d.addresses["gateway"] + ":4001"
	var out []byte
	err := errors.New("not tried")
	for ; err != nil && ctx.Err() == nil; pause.For(100*time.Millisecond, "polls services that still start") {
		out, err = d.command(ctx, "platform", "pipeline", "batch-anna-1", "cj_assessment", "--user", "teacher-anna", "--url", url).CombinedOutput()
	}
	require.NoError(t, err, "%s", out)
	ctx, stop := context.WithCancel(ctx)
	listen := d.command(ctx, "platform", "listen", "teacher-anna", "--since", "0", "--json", "--url", "ws://"+d.addresses["websocket"]+":8080/ws")
	stdout, err := listen.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, listen.Start())
	_, err = stdout.Read(make([]byte, 1))
	require.NoError(t, err, "no notification of the pipeline arrives")
	stop()
	require.Error(t, listen.Wait(), "it listens until it is ended")
}

// demoRun runs containers of the demonstration as processes. Each container that listens
// has a loopback address.
type demoRun struct {
	t         *testing.T
	project   *types.Project
	programs  map[string]string // by service
	addresses map[string]string // by service
	hosts     *strings.Replacer // names of the file to addresses
}

func newDemoRun(t *testing.T) demoRun {
	t.Helper()
	redis, err := world.StartRedis("")
	require.NoError(t, err)
	t.Cleanup(redis.Close)
	kafka, err := world.StartKafka("")
	require.NoError(t, err)
	t.Cleanup(kafka.Close)
	d := demoRun{t: t, project: demo(t), programs: map[string]string{}, addresses: map[string]string{}}
	for i, service := range []string{"platform", "gateway", "websocket"} {
		program := strings.TrimSuffix(filepath.Base(d.project.Services[service].Build.Dockerfile), ".Dockerfile")
		d.programs[service] = filepath.Join(build(t, program).directory, program)
		d.addresses[service] = fmt.Sprintf("127.%d.%d.%d", 64+os.Getpid()%128, os.Getpid()/128%256, i+1)
	}
	d.hosts = strings.NewReplacer("redis://redis:6379", redis.URL(), "kafka:9092", kafka.Addr(),
		"platform:", d.addresses["platform"]+":", "0.0.0.0", d.addresses["platform"])
	return d
}

// command returns the program of a service with its environment and these arguments.
func (d demoRun) command(ctx context.Context, service string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, d.programs[service], args...)
	c.Env = []string{
		"API_GATEWAY_HTTP_HOST=" + d.addresses["gateway"], "WEBSOCKET_HOST=" + d.addresses["websocket"],
		"API_GATEWAY_DRAIN_NOTICE=0", "WEBSOCKET_DRAIN_NOTICE=0", "WEBSOCKET_DRAIN_SPREAD=0",
	}
	for name, value := range d.project.Services[service].Environment {
		c.Env = append(c.Env, name+"="+d.hosts.Replace(*value))
	}
	return c
}

// start starts a service with the arguments of the file and stops it after the test.
func (d demoRun) start(service string, extra ...string) {
	d.t.Helper()
	var args []string
	for _, a := range d.project.Services[service].Command {
		args = append(args, d.hosts.Replace(a))
	}
	var out bytes.Buffer
	c := d.command(context.Background(), service, append(args, extra...)...)
	c.Stdout, c.Stderr = &out, &out
	require.NoError(d.t, c.Start())
	d.t.Cleanup(func() {
		require.NoError(d.t, c.Process.Signal(syscall.SIGTERM))
		require.NoError(d.t, c.Wait(), "%s: %s", service, &out)
	})
}
