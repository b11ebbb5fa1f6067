package arch

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// byDirectory groups files by package directory.
func byDirectory(files []source) map[string][]source {
	out := map[string][]source{}
	for _, f := range files {
		out[f.dir()] = append(out[f.dir()], f)
	}
	return out
}

// withoutLeakCheck finds packages whose tests do not detect goroutine leaks, and packages of the
// services without tests.
func withoutLeakCheck(files []source) []finding {
	packages := byDirectory(files)
	var out []finding
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		tested, watched := false, false
		for _, f := range packages[dir] {
			tested = tested || f.isTest()
			watched = watched || path.Base(f.path) == "main_test.go" && strings.Contains(f.text, "goleak.VerifyTestMain(")
		}
		switch {
		case tested && !watched:
			out = append(out, finding{dir, "its main_test.go does not call goleak.VerifyTestMain"})
		case !tested && within(dir, "domain", "app", "adapters", "wire"):
			out = append(out, finding{dir, "no tests"})
		}
	}
	return out
}

// maxPackageLines bounds the product code of a package, without tests and generated files.
const maxPackageLines = 3000

// largePackages finds packages with too much product code.
func largePackages(files []source) []finding {
	lines := map[string]int{}
	for _, f := range files {
		if !f.isTest() && !f.generated() && !f.within("test") {
			lines[f.dir()] += strings.Count(f.text, "\n")
		}
	}
	var out []finding
	for _, dir := range slices.Sorted(maps.Keys(lines)) {
		if lines[dir] > maxPackageLines {
			out = append(out, finding{dir, fmt.Sprintf("%d lines, at most %d", lines[dir], maxPackageLines)})
		}
	}
	return out
}

// testOnly returns the dependencies that belong to tests or to the development tool, such as the
// pages of its console.
func testOnly(dependencies []string) []string {
	var out []string
	for _, d := range dependencies {
		switch {
		case d == "testing", strings.HasPrefix(d, "testing/"), strings.HasPrefix(d, module+"/test/"), strings.HasPrefix(d, module+"/cmd/edge/"),
			strings.Contains(d, "miniredis"), strings.Contains(d, "kfake"),
			strings.HasPrefix(d, "github.com/stretchr/testify"), strings.HasPrefix(d, "go.uber.org/goleak"),
			strings.HasPrefix(d, "github.com/prometheus/prometheus/"):
			out = append(out, d)
		}
	}
	return out
}
