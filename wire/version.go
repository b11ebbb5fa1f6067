package wire

import (
	"runtime/debug"
	"strings"
)

// Version returns the release, the revision of the source if the build recorded one,
// and the version of the compiler.
func Version() string {
	info, known := debug.ReadBuildInfo()
	if !known {
		return unreleased
	}
	return release(info) + " (" + strings.Join(buildFacts(info), ", ") + ")"
}

// releaseVersion returns the release of this build.
func releaseVersion() string {
	if info, known := debug.ReadBuildInfo(); known {
		return release(info)
	}
	return unreleased
}

// unreleased is the version of a build without a version tag of the repository.
const unreleased = "0.0.0-unreleased"

// release returns the version that the compiler derives from the tags of the repository,
// such as 0.1.0. Between two tags it contains the time and the revision.
func release(info *debug.BuildInfo) string {
	if info.Main.Version == "" || info.Main.Version == "(devel)" {
		return unreleased
	}
	return strings.TrimPrefix(info.Main.Version, "v")
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
