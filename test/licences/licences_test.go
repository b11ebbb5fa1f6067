package licences_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/licensecheck"
	"github.com/stretchr/testify/require"
)

// root is the directory of the project, relative to this package.
const root = "../.."

// minKnown is the minimum share of a licence file, in percent, that must be the text of known licences.
const minKnown = 60

// allowed returns the SPDX identifiers of the licences that dependencies may have.
func allowed() []string {
	return []string{
		"Apache-2.0", "MIT", "MIT-0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MPL-2.0", "Unlicense", "CC0-1.0", "0BSD", "BSD-2-Clause-Views",
	}
}

// module is a dependency and the directory of its files.
type module struct{ path, dir string }

// dependencies returns the modules of all packages that the packages of a module and their tests import.
func dependencies(t *testing.T, dir string) []module {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", "list", "-deps", "-test", "-json=Module", "./...")
	c.Dir = dir
	out, err := c.Output()
	require.NoError(t, err)
	found := map[string]module{}
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p struct {
			Module *struct {
				Path, Dir string
				Main      bool
			}
		}
		require.NoError(t, d.Decode(&p))
		if m := p.Module; m != nil && !m.Main && !strings.HasPrefix(m.Path, "github.com/huleedu/") {
			found[m.Path] = module{m.Path, m.Dir}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b module) int { return strings.Compare(a.path, b.path) })
}

// licencesOf reads the licence files in the root directory of a module, except for .docs files, which apply to
// documents. It returns the identifiers of the licences, and the smallest known share of a file in percent.
func licencesOf(t *testing.T, m module) (ids []string, known float64) {
	t.Helper()
	entries, err := os.ReadDir(m.dir)
	require.NoError(t, err, m.path)
	known = 100
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if e.IsDir() || strings.HasSuffix(name, ".GO") || strings.HasSuffix(name, ".DOCS") || !strings.HasPrefix(name, "LICENSE") && !strings.HasPrefix(name, "LICENCE") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.dir, e.Name()))
		require.NoError(t, err)
		c := licensecheck.Scan(text)
		known = min(known, c.Percent)
		for _, match := range c.Match {
			ids = append(ids, match.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), known
}

// problem returns what is wrong with the licences of a module, or an empty string.
func problem(ids []string, known float64) string {
	switch {
	case len(ids) == 0:
		return "has no known licence"
	case known < minKnown:
		return "has a licence file with mostly unknown text"
	}
	for _, id := range ids {
		if !slices.Contains(allowed(), id) {
			return "has the licence " + id + ", which is not on the list"
		}
	}
	return ""
}

func TestEveryDependencyHasAFreeLicence(t *testing.T) {
	for _, dir := range []string{root, filepath.Join(root, "test", "deploy"), filepath.Join(root, "test", "release")} {
		modules := dependencies(t, dir)
		require.Greater(t, len(modules), 30, "the list of %s is incomplete", dir)
		for _, m := range modules {
			ids, known := licencesOf(t, m)
			if wrong := problem(ids, known); wrong != "" {
				t.Errorf("%s %s: %v, %.0f %% known", m.path, wrong, ids, known)
			}
		}
		t.Logf("%s: %d modules", dir, len(modules))
	}
}

func TestUnknownAndOtherLicencesAreRejected(t *testing.T) {
	require.Empty(t, problem([]string{"MIT"}, 99))
	require.NotEmpty(t, problem(nil, 100))
	require.NotEmpty(t, problem([]string{"MIT"}, 20))
	require.NotEmpty(t, problem([]string{"Apache-2.0", "AGPL-3.0"}, 100))
	require.NotEmpty(t, problem([]string{"BUSL-1.1"}, 100))
}

// TestNodeToolsHaveFreeLicences checks the npm packages of test/conformance, whose lock file contains their licences.
func TestNodeToolsHaveFreeLicences(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "test", "conformance", "package-lock.json"))
	require.NoError(t, err)
	var lock struct {
		Packages map[string]struct{ License string } `json:"packages"`
	}
	require.NoError(t, json.Unmarshal(text, &lock))
	require.Greater(t, len(lock.Packages), 10)
	for name, p := range lock.Packages {
		if name == "" {
			continue
		}
		for id := range strings.SplitSeq(strings.NewReplacer("(", "", ")", "", " OR ", " AND ").Replace(p.License), " AND ") {
			if !slices.Contains(append(allowed(), "BlueOak-1.0.0", "Python-2.0", "CC-BY-4.0"), id) {
				t.Errorf("%s has the licence %q, which is not on the list", name, p.License)
			}
		}
	}
}
