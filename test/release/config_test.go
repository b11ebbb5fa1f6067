package release_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

// root is the directory of the project, as this test sees it.
const root = "../../"

// load reads the configuration as "goreleaser check" does: an unknown field is an error.
func load(t *testing.T) config.Project {
	t.Helper()
	project, err := config.Load(root + ".goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// equal fails the test when the values differ as text.
func equal(t *testing.T, what, want string, got []string) {
	t.Helper()
	if text := strings.Join(got, " "); text != want {
		t.Errorf("%s: %q, want %q", what, text, want)
	}
}

func TestReleaseHasAllPlatforms(t *testing.T) {
	systems := map[string]string{"gateway": "linux darwin", "websocket": "linux darwin", "edge": "linux darwin windows"}
	project := load(t)
	if len(project.Builds) != len(systems) {
		t.Errorf("%d builds", len(project.Builds))
	}
	for _, b := range project.Builds {
		equal(t, b.ID, systems[b.ID], b.Goos)
		equal(t, b.ID, "amd64 arm64", b.Goarch)
		equal(t, b.ID, "./cmd/"+b.ID, []string{b.Main})
		if b.Binary != b.ID {
			t.Errorf("%s builds %s", b.ID, b.Binary)
		}
		if _, err := os.Stat(filepath.Join(root, b.Main, "main.go")); err != nil {
			t.Error(err)
		}
	}
}

// TestReleaseBuildsAsReproducibleChecks compares the flags with those of reproducible.sh.
func TestReleaseBuildsAsReproducibleChecks(t *testing.T) {
	script, err := os.ReadFile("reproducible.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range load(t).Builds {
		equal(t, b.ID, "CGO_ENABLED=0", b.Env)
		for _, flag := range append(b.Flags, b.Ldflags...) {
			if !strings.Contains(string(script), flag) {
				t.Errorf("%s: reproducible.sh does not build with %s", b.ID, flag)
			}
		}
		if b.ModTimestamp != "{{ .CommitTimestamp }}" {
			t.Errorf("%s: files have the time of the build", b.ID)
		}
	}
}

func TestReleaseHasImagesForBothArchitectures(t *testing.T) {
	project := load(t)
	if len(project.DockersV2) != 2 {
		t.Errorf("%d images", len(project.DockersV2))
	}
	for _, d := range project.DockersV2 {
		equal(t, d.ID, d.ID, d.IDs)
		equal(t, d.ID, "huleedu/edge-"+d.ID, d.Images)
		equal(t, d.ID, "linux/amd64 linux/arm64", d.Platforms)
		equal(t, d.ID, "bin/THIRD_PARTY_NOTICES.txt", d.ExtraFiles)
		if _, err := os.Stat(root + d.Dockerfile); err != nil {
			t.Error(err)
		}
	}
}

func TestReleaseHasDocumentsAndBillsOfMaterials(t *testing.T) {
	project := load(t)
	equal(t, "before", "make notices", project.Before.Hooks)
	for _, a := range project.Archives {
		var files []string
		for _, f := range a.Files {
			files = append(files, f.Source)
		}
		equal(t, a.ID, "CHANGELOG.md SECURITY.md bin/THIRD_PARTY_NOTICES.txt", files)
	}
	if len(project.SBOMs) != 1 || project.SBOMs[0].Artifacts != "binary" {
		t.Errorf("the programs have no bill of materials: %+v", project.SBOMs)
	}
	makefile, err := os.ReadFile(root + "Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range project.SBOMs {
		if !strings.Contains(string(makefile), s.Cmd) {
			t.Errorf("the Makefile does not install %s", s.Cmd)
		}
	}
}

// TestChangelogHasTheRelease compares the chart, the example and the changelog.
func TestChangelogHasTheRelease(t *testing.T) {
	changelog, err := os.ReadFile(root + "CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	chart, err := os.ReadFile(root + "deploy/helm/huleedu-edge/Chart.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(changelog), "\n## [Unreleased]\n")
	if !found {
		t.Fatal("the changelog has no section for unreleased changes")
	}
	_, rest, _ = strings.Cut(rest, "\n## [")
	version, _, _ := strings.Cut(rest, "]")
	if !strings.Contains(string(chart), "\nappVersion: "+version+"\n") {
		t.Errorf("the chart has another version than the newest release %s", version)
	}
}
