package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/huleedu/edge/test/race"
)

// coverVariable names the directory for the coverage data of programs. It is not GOCOVERDIR, which
// "go test -cover" sets to a directory of its own.
const coverVariable = "EDGE_COVER_DIR"

// buildPrograms builds all programs, with the race detector if the test has it and with coverage if
// a directory for it is set, and returns their directory. All test packages share the directory:
// the go command does not link a program that is up to date, and a lock lets one package build at a
// time.
var buildPrograms = sync.OnceValues(func() (dir string, err error) {
	name, args := "test", []string{"build", "-buildvcs=false", "-ldflags=-s -w"}
	if race.Enabled {
		name, args = name+"-race", append(args, "-race")
	}
	if os.Getenv(coverVariable) != "" {
		name, args = name+"-cover", append(args, "-cover", "-covermode=atomic", "-coverpkg=github.com/huleedu/edge/...")
	}
	return buildIn(name, func(dir string) error {
		return goBuild(append(args, "-o", dir+"/", "github.com/huleedu/edge/cmd/...")...)
	})
})

// buildIn calls build with a directory below bin, which all test packages share, and returns the directory. A
// lock lets one package build at a time.
func buildIn(name string, build func(dir string) error) (dir string, err error) {
	dir, err = filepath.Abs(filepath.Join("..", "..", "bin", name))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return "", err
	}
	defer unlock()
	return dir, build(dir)
}

// goBuild runs the go command. The error contains its output.
func goBuild(args ...string) error {
	out, err := exec.Command("go", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return nil
}
