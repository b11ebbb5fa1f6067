package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tree is the whole module's source.
func tree(t *testing.T) []source {
	t.Helper()
	root, err := findRoot()
	require.NoError(t, err)
	files, err := load(root)
	require.NoError(t, err)
	require.Greater(t, len(files), 30, "the rules saw next to nothing")
	return files
}

func TestHouseRules(t *testing.T) {
	files := tree(t)
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			for _, f := range files {
				complain(t, r.why, r.check(f))
			}
		})
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	complain(t, "a newcomer reads the package comment first", undocumented(tree(t)))
}

func TestEveryPackageWatchesItsGoroutines(t *testing.T) {
	complain(t, "one goroutine has one known end; only goleak notices when it has not", unwatched(tree(t)))
}

func TestShippedProgramsLinkNoTestCode(t *testing.T) {
	root, err := findRoot()
	require.NoError(t, err)
	for _, program := range []string{"cmd/gateway", "cmd/websocket"} {
		if sources, _ := filepath.Glob(filepath.Join(root, program, "*.go")); len(sources) == 0 {
			t.Logf("%s is not written yet", program)
			continue
		}
		for _, d := range testOnly(dependencies(t, root, program)) {
			t.Errorf("%s links %s\n\twhy: what ships is what serves; test code grows it and opens doors", program, d)
		}
	}
}

// dependencies are the packages that a program links.
func dependencies(t *testing.T, root, program string) []string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
	list.Dir, list.Stderr = filepath.Join(root, program), os.Stderr
	out, err := list.Output()
	require.NoError(t, err)
	return strings.Fields(string(out))
}

func complain(t *testing.T, why string, findings []finding) {
	t.Helper()
	for _, f := range findings {
		t.Errorf("%s: %s\n\twhy: %s", f.at, f.what, why)
	}
}
