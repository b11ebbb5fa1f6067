package harness

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/pause"
)

// clockStepSource is a file that the build adds to package time. No tool can change the time that a
// static Go program reads: it asks the kernel without the C library.
//
//go:embed clock_step.go.txt
var clockStepSource []byte

// buildSteppedPrograms builds the services with a clock that tests can set, and returns their
// directory. It compiles the standard library too, about two minutes the first time.
var buildSteppedPrograms = sync.OnceValues(func() (dir string, err error) {
	return buildIn("test-clock", func(dir string) error {
		overlay, err := writeClockOverlay(dir)
		if err != nil {
			return err
		}
		return goBuild("build", "-buildvcs=false", "-ldflags=-s -w", "-overlay="+overlay, "-o", dir+"/",
			"github.com/huleedu/edge/cmd/gateway", "github.com/huleedu/edge/cmd/websocket")
	})
})

// writeClockOverlay writes the files that replace those of package time, and returns the path of the
// file that lists them.
func writeClockOverlay(dir string) (string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	text, err := os.ReadFile(filepath.Join(source, "time.go"))
	if err != nil {
		return "", err
	}
	const before, after = "sec, nsec, mono := runtimeNow()", "sec, nsec, mono := steppedNow()"
	if strings.Count(string(text), before) != 1 {
		return "", fmt.Errorf("%s: time.Now has changed", source)
	}
	files := map[string][]byte{"time.go": []byte(strings.Replace(string(text), before, after, 1)), "clock_step.go": clockStepSource}
	replaced := map[string]string{}
	for name, content := range files {
		replaced[filepath.Join(source, name)] = filepath.Join(dir, name+".txt")
		if err := os.WriteFile(filepath.Join(dir, name+".txt"), content, 0o600); err != nil {
			return "", err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, list, 0o600)
}

// SteppedProgram is a program whose clock a test can set.
type SteppedProgram struct {
	*Program

	clock string
}

// StartStepped starts a service whose clock is that of the machine until Step.
func StartStepped(t *testing.T, name string, settings map[string]string) *SteppedProgram {
	t.Helper()
	programs, err := buildSteppedPrograms()
	require.NoError(t, err)
	p := &SteppedProgram{clock: filepath.Join(t.TempDir(), "clock")}
	settings = maps.Clone(settings)
	settings["EDGE_TEST_CLOCK"] = p.clock
	p.Program = StartFile(t, filepath.Join(programs, name), settings)
	return p
}

// stepTime is longer than the interval at which a program reads the step.
const stepTime = 50 * time.Millisecond

// Step sets the clock of the program ahead of the machine's, or back, and returns when the program
// has read it.
func (p *SteppedProgram) Step(t *testing.T, by time.Duration) {
	t.Helper()
	// The program never reads half a number.
	next := p.clock + ".next"
	require.NoError(t, os.WriteFile(next, fmt.Appendf(nil, "%d", int(by.Seconds())), 0o600))
	require.NoError(t, os.Rename(next, p.clock))
	pause.For(stepTime, "the program reads the file at an interval")
}
