package deploy_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/stretchr/testify/require"
)

// dockerfile parses the Dockerfile of a service with BuildKit. A warning of BuildKit is an error.
func dockerfile(t *testing.T, name string) []instructions.Stage {
	t.Helper()
	parsed, err := parser.Parse(strings.NewReader(read(t, "deploy/"+name+".Dockerfile")))
	require.NoError(t, err)
	require.Empty(t, parsed.Warnings)
	warn := func(rule, _, _, message string, _ []parser.Range) { require.Fail(t, rule, message) }
	stages, _, err := instructions.Parse(parsed.AST, linter.New(&linter.Config{Warn: warn}))
	require.NoError(t, err)
	return stages
}

// command returns the only instruction of its type in a stage.
func command[T instructions.Command](t *testing.T, s instructions.Stage) T {
	t.Helper()
	var found []T
	for _, c := range s.Commands {
		if one, is := c.(T); is {
			found = append(found, one)
		}
	}
	require.Len(t, found, 1)
	return found[0]
}

// buildCommand returns the command line that builds the program.
func buildCommand(t *testing.T, name string) string {
	t.Helper()
	for _, c := range dockerfile(t, name)[0].Commands {
		if run, is := c.(*instructions.RunCommand); is && strings.Contains(run.CmdLine[0], "go build") {
			return run.CmdLine[0]
		}
	}
	require.FailNow(t, "no instruction runs go build")
	return ""
}

func TestDockerfiles(t *testing.T) {
	t.Parallel()
	compiler := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(read(t, "go.mod"))[1]
	for name, port := range map[string]string{"gateway": "4001", "websocket": "8080"} {
		stages := dockerfile(t, name)
		require.Len(t, stages, 2)
		require.Equal(t, "golang:"+compiler+"-bookworm", stages[0].BaseName, "the compiler of go.mod")
		require.Contains(t, buildCommand(t, name), "CGO_ENABLED=0")
		image := stages[1]
		require.Equal(t, "scratch", image.BaseName)
		user, group, both := strings.Cut(command[*instructions.UserCommand](t, image).User, ":")
		require.True(t, both)
		for _, id := range []string{user, group} {
			number, err := strconv.Atoi(id)
			require.NoError(t, err, "Kubernetes verifies runAsNonRoot only for a numeric user")
			require.Positive(t, number)
		}
		require.Equal(t, []string{port}, command[*instructions.ExposeCommand](t, image).Ports)
		entry := command[*instructions.EntrypointCommand](t, image)
		require.False(t, entry.PrependShell, "there is no shell")
		require.Equal(t, []string{"/" + name}, entry.CmdLine)
		health := command[*instructions.HealthCheckCommand](t, image).Health
		require.Equal(t, []string{"CMD", "/" + name, "--healthcheck"}, health.Test)
		for _, c := range image.Commands {
			_, runs := c.(*instructions.RunCommand)
			require.False(t, runs, "nothing can run in an empty image")
		}
	}
}
