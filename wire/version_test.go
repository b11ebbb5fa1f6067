package wire

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOriginOfABuild(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.8"}
	require.Equal(t, []string{"go1.26.8"}, buildFacts(info))
	info.Settings = []debug.BuildSetting{
		{Key: "CGO_ENABLED", Value: "0"}, {Key: "vcs.revision", Value: "0123abc"}, {Key: "vcs.modified", Value: "false"},
	}
	require.Equal(t, []string{"revision 0123abc", "go1.26.8"}, buildFacts(info))
	info.Settings[2].Value = "true"
	require.Equal(t, []string{"revision 0123abc", "modified", "go1.26.8"}, buildFacts(info))
}

func TestReleaseOfABuild(t *testing.T) {
	for recorded, want := range map[string]string{
		"": "0.0.0-unreleased", "(devel)": "0.0.0-unreleased", "v0.1.0": "0.1.0",
		"v0.1.1-0.20261201083000-0123456789ab+dirty": "0.1.1-0.20261201083000-0123456789ab+dirty",
	} {
		require.Equal(t, want, release(&debug.BuildInfo{Main: debug.Module{Version: recorded}}))
	}
}
