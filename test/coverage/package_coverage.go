package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/tools/cover"
)

// statements counts the statements and the covered ones.
type statements struct{ covered, total int }

func (s statements) percent() float64 {
	if s.total == 0 {
		return 0
	}
	return 100 * float64(s.covered) / float64(s.total)
}

// packageCoverage is the coverage by package, relative to the module.
type packageCoverage map[string]statements

// mergeProfiles concatenates profiles of the same mode. A block can occur more than once.
func mergeProfiles(files []string) ([]byte, error) {
	if len(files) == 0 {
		return nil, errors.New("no profiles given")
	}
	var all []byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		mode, blocks, _ := bytes.Cut(text, []byte("\n"))
		mode = append(bytes.Clone(mode), '\n')
		if !bytes.HasPrefix(mode, []byte("mode: ")) {
			return nil, fmt.Errorf("%s is not a coverage profile", file)
		}
		if len(all) == 0 {
			all = append(all, mode...)
		}
		if !bytes.HasPrefix(all, mode) {
			return nil, fmt.Errorf("%s has another mode than %s", file, files[0])
		}
		all = append(all, blocks...)
	}
	return all, nil
}

// measure sums a profile. A block counts as covered if one of its occurrences is.
func measure(profile io.Reader) (packageCoverage, error) {
	files, err := cover.ParseProfilesFromReader(profile)
	if err != nil {
		return nil, err
	}
	r := packageCoverage{}
	for _, file := range files {
		name := path.Dir(strings.TrimPrefix(file.FileName, module))
		s := r[name]
		for _, block := range file.Blocks {
			s.total += block.NumStmt
			if block.Count > 0 {
				s.covered += block.NumStmt
			}
		}
		r[name] = s
	}
	return r, nil
}

// print writes the table of a service, one line per package with statements, and
// returns the total.
func (r packageCoverage) print(w io.Writer, service string, packages []string) statements {
	var total statements
	var lines strings.Builder
	for _, name := range slices.Sorted(slices.Values(packages)) {
		if s, has := r[name]; has {
			total.covered, total.total = total.covered+s.covered, total.total+s.total
			line(&lines, "  "+name, s)
		}
	}
	line(w, service, total)
	_, _ = io.WriteString(w, lines.String())
	return total
}

func line(w io.Writer, name string, s statements) {
	_, _ = fmt.Fprintf(w, "%-24s %5d of %5d  %5.1f %%\n", name, s.covered, s.total, s.percent())
}
