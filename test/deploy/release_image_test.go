package deploy_test

import (
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/stretchr/testify/require"
)

// TestReleaseImagesEqualTheOthers compares the images of a release with those that are built
// from the source. Only the origin of the program and the licences differ.
func TestReleaseImagesEqualTheOthers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"gateway", "websocket"} {
		source, release := dockerfile(t, name), dockerfile(t, "release/"+name)
		require.Equal(t, source[0].BaseName, release[0].BaseName)
		from, to := source[1], release[1]
		require.Equal(t, from.BaseName, to.BaseName)
		require.Equal(t, command[*instructions.UserCommand](t, from).User, command[*instructions.UserCommand](t, to).User)
		require.Equal(t, command[*instructions.ExposeCommand](t, from).Ports, command[*instructions.ExposeCommand](t, to).Ports)
		require.Equal(t, command[*instructions.EntrypointCommand](t, from).CmdLine, command[*instructions.EntrypointCommand](t, to).CmdLine)
		require.Equal(t, command[*instructions.HealthCheckCommand](t, from).Health, command[*instructions.HealthCheckCommand](t, to).Health)
		require.Equal(t, command[*instructions.LabelCommand](t, from).Labels, command[*instructions.LabelCommand](t, to).Labels)
	}
}
