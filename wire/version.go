package wire

import (
	"runtime/debug"
	"strings"

	"github.com/huleedu/edge/domain"
)

// Version tells what was built: the release, the revision of its source where
// the build recorded one, and the compiler.
func Version() string {
	info, known := debug.ReadBuildInfo()
	if !known {
		return domain.Version
	}
	return domain.Version + " (" + strings.Join(buildFacts(info), ", ") + ")"
}

// buildFacts is what a build recorded of its source and compiler.
func buildFacts(info *debug.BuildInfo) []string {
	var facts []string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			facts = append(facts, "revision "+s.Value)
		case s.Key == "vcs.modified" && s.Value == "true":
			facts = append(facts, "modified")
		}
	}
	return append(facts, info.GoVersion)
}
