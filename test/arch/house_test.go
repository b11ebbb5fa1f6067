package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// parseModule parses all Go files of the module.
func parseModule(t *testing.T) []source {
	t.Helper()
	root, err := findRoot()
	require.NoError(t, err)
	files, err := load(root)
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

func TestEveryPackageHasAComment(t *testing.T) {
	reportFindings(t, "the package comment is the first documentation that a reader sees", undocumented(parseModule(t)))
}

func TestEveryPackageChecksForLeaks(t *testing.T) {
	reportFindings(t, "every goroutine must end; goleak detects leaks", withoutLeakCheck(parseModule(t)))
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
