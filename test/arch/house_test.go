package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// moduleFiles are all Go files of the module.
var moduleFiles = sync.OnceValues(func() ([]source, error) {
	root, err := findRoot()
	if err != nil {
		return nil, err
	}
	return load(root)
})

// parseModule returns all Go files of the module.
func parseModule(t *testing.T) []source {
	t.Helper()
	files, err := moduleFiles()
	require.NoError(t, err)
	require.Greater(t, len(files), 30, "too few files were parsed")
	return files
}

func TestHouseRules(t *testing.T) {
	files := parseModule(t)
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			for _, f := range files {
				reportFindings(t, r.why, r.check(f))
			}
		})
	}
}

func TestEveryPackageChecksForLeaks(t *testing.T) {
	reportFindings(t, "every goroutine must end; goleak detects leaks", withoutLeakCheck(parseModule(t)))
}

// limitOfCycles returns how many references between files of a package may be in cycles.
func limitOfCycles(pkg string) int {
	if pkg == "adapters/httpserver" || strings.HasPrefix(pkg, "adapters/httpserver/") {
		return 14
	}
	return 32
}

func TestFilesOfAPackageFormLayers(t *testing.T) {
	root, err := findRoot()
	require.NoError(t, err)
	graphs, err := loadFileGraphs(root, "./...")
	require.NoError(t, err)
	require.NotEmpty(t, graphs[module+"/adapters/httpserver"], "no references were found")
	for pkg := range graphs {
		if strings.HasPrefix(pkg, module+"/test/") {
			delete(graphs, pkg)
		}
	}
	reportFindings(t, "a reader starts with a file that needs no other, and reads on in one direction", fileCycles(graphs, limitOfCycles))
}

func TestPackagesAreSmall(t *testing.T) {
	reportFindings(t, "a package over 3,000 lines has more than one subject", largePackages(parseModule(t)))
}

func TestShippedProgramsLinkNoTestCode(t *testing.T) {
	root, err := findRoot()
	require.NoError(t, err)
	for _, program := range []string{"cmd/gateway", "cmd/websocket"} {
		if sources, _ := filepath.Glob(filepath.Join(root, program, "*.go")); len(sources) == 0 {
			t.Logf("%s does not exist", program)
			continue
		}
		for _, d := range testOnly(dependencies(t, root, program)) {
			t.Errorf("%s links %s\n\twhy: test code makes the program larger and easier to attack", program, d)
		}
	}
}

// dependencies returns the packages that a program links.
func dependencies(t *testing.T, root, program string) []string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
	list.Dir, list.Stderr = filepath.Join(root, program), os.Stderr
	out, err := list.Output()
	require.NoError(t, err)
	return strings.Fields(string(out))
}

func reportFindings(t *testing.T, why string, findings []finding) {
	t.Helper()
	for _, f := range findings {
		t.Errorf("%s: %s\n\twhy: %s", f.at, f.what, why)
	}
}

// TestRepositoryHoldsSourceOnly finds programs and records of test runs that a commit took along.
func TestRepositoryHoldsSourceOnly(t *testing.T) {
	root, err := findRoot()
	require.NoError(t, err)
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skip("the source was copied without its history")
	}
	for _, name := range tracked(t, root, "--cached", "--ignored", "--exclude-standard") {
		t.Errorf("%s is tracked although .gitignore names it", name)
	}
	const limit = 300_000 // bytes; the largest picture has half of it
	for _, name := range tracked(t, root) {
		if info, err := os.Stat(filepath.Join(root, name)); err == nil && info.Size() > limit {
			t.Errorf("%s has %d bytes\n\twhy: each clone downloads it, for ever", name, info.Size())
		}
	}
}

// tracked returns the files that "git ls-files" lists.
func tracked(t *testing.T, root string, args ...string) []string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "git", append([]string{"-c", "safe.directory=*", "ls-files", "-z"}, args...)...)
	list.Dir, list.Stderr = root, os.Stderr
	out, err := list.Output()
	require.NoError(t, err)
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
}
