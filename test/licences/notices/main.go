// Command notices prints the licences of every module that the programs contain, and of the
// standard library: a release must contain these texts.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

// module is a module of the build list, and the directory of its files.
type module struct{ path, version, dir string }

func run(out io.Writer) error {
	all, err := modules()
	if err != nil {
		return err
	}
	goroot, err := goCommand("", "env", "GOROOT")
	if err != nil {
		return err
	}
	all = append(all, module{"the Go standard library", runtime.Version(), strings.TrimSpace(goroot)})
	for _, m := range all {
		texts, err := texts(m.dir)
		if err != nil {
			return fmt.Errorf("%s: %w", m.path, err)
		}
		if _, err := fmt.Fprintf(out, "%s\n%s %s\n\n%s\n\n", strings.Repeat("=", 80), m.path, m.version, texts); err != nil {
			return err
		}
	}
	return nil
}

// modules returns the modules of the programs on all platforms of a release, by path.
func modules() ([]module, error) {
	const format = "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}"
	found := map[module]bool{}
	for _, platform := range []string{"linux", "darwin", "windows"} {
		text, err := goCommand(platform, "list", "-deps", "-f", format, "./cmd/...")
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(text) {
			if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 3 {
				found[module{f[0], f[1], f[2]}] = true
			}
		}
	}
	all := make([]module, 0, len(found))
	for m := range found {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b module) int { return strings.Compare(a.path, b.path) })
	return all, nil
}

// goCommand runs the go command for an operating system; empty: this one.
func goCommand(system string, args ...string) (string, error) {
	c := exec.Command("go", args...)
	c.Env = append(c.Environ(), "CGO_ENABLED=0")
	if system != "" {
		c.Env = append(c.Env, "GOOS="+system)
	}
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w", args[0], err)
	}
	return string(out), nil
}

var errNoLicence = errors.New("no licence file")

// texts returns the licence and notice files of a directory. None is an error.
func texts(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var parts []string
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		wanted := slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS"}, func(prefix string) bool {
			return strings.HasPrefix(name, prefix)
		})
		if e.IsDir() || !wanted || strings.HasSuffix(name, ".GO") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", err
		}
		parts = append(parts, strings.TrimSpace(string(text)))
	}
	if len(parts) == 0 {
		return "", errNoLicence
	}
	return strings.Join(parts, "\n\n"), nil
}
