package wire

import (
	"runtime/debug"
	"strings"

	"github.com/huleedu/edge/domain"
)

// Version returns the release, the revision of the source if the build recorded one,
// and the version of the compiler.
func Version() string {
	info, known := debug.ReadBuildInfo()
	if !known {
		return domain.Version
	}
	return domain.Version + " (" + strings.Join(buildFacts(info), ", ") + ")"
}

// unknownRevision is the revision of a build that recorded none.
const unknownRevision = "unknown"

// revision returns the revision of the source, or "unknown".
func revision() string {
	if info, known := debug.ReadBuildInfo(); known {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return unknownRevision
}

// buildFacts returns the revision and the compiler that a build recorded.
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
