package deploy_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// compose loads the file in the same way as "docker compose config", with a value for each secret of the
// example files.
func compose(t *testing.T) *types.Project {
	t.Helper()
	directory := filepath.Join(t.TempDir(), "deploy")
	require.NoError(t, os.Mkdir(directory, 0o700))
	file := filepath.Join(directory, "compose.yaml")
	require.NoError(t, os.WriteFile(file, []byte(read(t, "deploy/compose.yaml")), 0o600))
	for _, name := range []string{"gateway", "websocket"} {
		variables, err := dotenv.Read(root + "deploy/" + name + ".env.example")
		require.NoError(t, err)
		filled := ""
		for variable, value := range variables {
			require.Empty(t, value, "an example contains no secret")
			filled += variable + "=" + sampleSecrets()[variable] + "\n"
		}
		require.NoError(t, os.WriteFile(filepath.Join(directory, name+".env"), []byte(filled), 0o600))
	}
	options, err := cli.NewProjectOptions([]string{file}, cli.WithWorkingDirectory(directory))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

func TestCompose(t *testing.T) {
	t.Parallel()
	p := compose(t)
	require.ElementsMatch(t, []string{"redis", "kafka", "topics", "gateway", "websocket"}, p.ServiceNames())
	for _, name := range []string{"gateway", "websocket"} {
		own, err := p.GetService(name)
		require.NoError(t, err)
		vars := map[string]string{}
		for variable, value := range own.Environment {
			vars[variable] = *value
		}
		s := readSettings(t, name, vars)
		require.Greater(t, time.Duration(*own.StopGracePeriod), s.stop, "Docker must not kill a service that is still stopping")
		require.EqualValues(t, s.port, own.Ports[0].Target)
		require.Equal(t, "127.0.0.1", own.Ports[0].HostIP)
		require.FileExists(t, root+own.Build.Dockerfile)
		require.Equal(t, types.DependsOnConfig{
			"redis":  {Condition: types.ServiceConditionHealthy, Required: true},
			"topics": {Condition: types.ServiceConditionCompletedSuccessfully, Required: true},
		}, own.DependsOn)
		require.True(t, own.ReadOnly)
	}
	for _, name := range []string{"redis", "kafka"} {
		server, err := p.GetService(name)
		require.NoError(t, err)
		require.NotEmpty(t, server.HealthCheck.Test)
		require.NotEmpty(t, server.Volumes, "without a volume all data is lost")
	}
}
