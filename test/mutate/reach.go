package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// program is a test program with all mutants of a target.
type program struct {
	path      string
	directory string // where its tests run, relative to the module
}

// testCase is a test of a program.
type testCase struct {
	*program
	name    string
	took    time.Duration
	cpu     time.Duration // of the processor
	reached map[int]bool  // by mutant
	failure string        // what it prints when it fails without a mutant
}

// tests returns the tests, examples and fuzz targets of the program.
func (p *program) tests(ctx context.Context, run string) ([]testCase, error) {
	if run == "" {
		run = "."
	}
	out, err := p.command(ctx, "-test.list="+run).Output()
	if err != nil {
		return nil, err
	}
	var all []testCase
	for name := range strings.Lines(string(out)) {
		if name = strings.TrimSpace(name); !strings.HasPrefix(name, "Benchmark") {
			all = append(all, testCase{program: p, name: name})
		}
	}
	return all, nil
}

// reach runs each test without a mutant, to learn its time and which mutants it reaches. A test that
// fails is run again alone.
func reach(ctx context.Context, tests []testCase, directory string) error {
	each(len(tests), func(i int) { tests[i].run(ctx, filepath.Join(directory, strconv.Itoa(i))) })
	for i := range tests {
		if tests[i].failure != "" {
			tests[i].run(ctx, filepath.Join(directory, "again", strconv.Itoa(i)))
		}
	}
	return ctx.Err()
}

func (t *testCase) run(ctx context.Context, directory string) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		t.failure = err.Error()
		return
	}
	began := time.Now()
	c := t.command(ctx, "-test.run=^"+t.name+"$")
	c.Env = append(c.Environ(), "EDGE_MUTANTS_REACHED="+directory)
	out, err := c.CombinedOutput()
	t.took, t.failure = time.Since(began), ""
	if err != nil {
		t.failure = fmt.Sprintf("%v\n%s", err, out)
		return
	}
	t.cpu = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	files, err := os.ReadDir(directory)
	if err != nil {
		t.failure = err.Error()
	}
	t.reached = map[int]bool{}
	for _, file := range files {
		t.reached[atoi(file.Name())] = true
	}
}

// command returns a run of the test program.
func (p *program) command(ctx context.Context, arguments ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, p.path, append([]string{"-test.short"}, arguments...)...)
	c.Dir, c.WaitDelay = p.directory, time.Second
	return c
}
