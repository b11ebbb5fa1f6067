package arch

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// byDirectory groups the files of each package.
func byDirectory(files []source) map[string][]source {
	out := map[string][]source{}
	for _, f := range files {
		out[f.dir()] = append(out[f.dir()], f)
	}
	return out
}

// undocumented are the packages without a comment that says what they are for.
func undocumented(files []source) []finding {
	packages := byDirectory(files)
	var out []finding
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		documented, onlyTests := false, true
		for _, f := range packages[dir] {
			onlyTests = onlyTests && f.isTest()
			documented = documented || f.tree.Doc != nil && !f.isTest()
		}
		if !documented && !onlyTests {
			out = append(out, finding{dir, "no package comment"})
		}
	}
	return out
}

// unwatched are the packages whose tests would not notice a goroutine that
// stays behind. Packages that run code of the services must have tests.
func unwatched(files []source) []finding {
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

// testOnly are the packages of a program's dependencies that belong to tests.
func testOnly(dependencies []string) []string {
	var out []string
	for _, d := range dependencies {
		switch {
		case d == "testing", strings.HasPrefix(d, "testing/"), strings.HasPrefix(d, module+"/test/"),
			strings.Contains(d, "miniredis"), strings.Contains(d, "kfake"),
			strings.HasPrefix(d, "github.com/stretchr/testify"), strings.HasPrefix(d, "go.uber.org/goleak"),
			strings.HasPrefix(d, "github.com/prometheus/prometheus/"):
			out = append(out, d)
		}
	}
	return out
}
