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

// share is how many statements there are and how many of them ran.
type share struct{ ran, all int }

func (s share) percent() float64 {
	if s.all == 0 {
		return 0
	}
	return 100 * float64(s.ran) / float64(s.all)
}

// reach is the share of each package, by its name within the module.
type reach map[string]share

// join makes one profile of several, in which a block may stand more than once.
func join(files []string) ([]byte, error) {
	if len(files) == 0 {
		return nil, errors.New("there are no profiles")
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
			return nil, fmt.Errorf("%s is no profile", file)
		}
		if len(all) == 0 {
			all = append(all, mode...)
		}
		if !bytes.HasPrefix(all, mode) {
			return nil, fmt.Errorf("%s counts otherwise than %s", file, files[0])
		}
		all = append(all, blocks...)
	}
	return all, nil
}

// measure adds up a profile; a block that stands more than once ran if it did
// anywhere.
func measure(profile io.Reader) (reach, error) {
	files, err := cover.ParseProfilesFromReader(profile)
	if err != nil {
		return nil, err
	}
	r := reach{}
	for _, file := range files {
		name := path.Dir(strings.TrimPrefix(file.FileName, module))
		s := r[name]
		for _, block := range file.Blocks {
			s.all += block.NumStmt
			if block.Count > 0 {
				s.ran += block.NumStmt
			}
		}
		r[name] = s
	}
	return r, nil
}

// print writes a service's table, one line for each of its packages that has
// statements, and returns their sum.
func (r reach) print(w io.Writer, service string, packages []string) share {
	var total share
	var lines strings.Builder
	for _, name := range slices.Sorted(slices.Values(packages)) {
		if s, has := r[name]; has {
			total.ran, total.all = total.ran+s.ran, total.all+s.all
			line(&lines, "  "+name, s)
		}
	}
	line(w, service, total)
	_, _ = io.WriteString(w, lines.String())
	return total
}

func line(w io.Writer, name string, s share) {
	_, _ = fmt.Fprintf(w, "%-24s %5d of %5d  %5.1f %%\n", name, s.ran, s.all, s.percent())
}
