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
