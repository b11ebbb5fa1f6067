package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	// workers is the number of mutants that run at the same time. Tests wait more than they compute.
	workers = 4
	// quick is the time up to which a test is among the first that run with a mutant.
	quick = 500 * time.Millisecond
)

// outcome says what the tests do with a mutant.
type outcome string

const (
	killed      outcome = "killed"
	timedOut    outcome = "timed out" // an endless loop, say; it counts as killed
	lived       outcome = "lived"
	notReached  outcome = "not reached"  // no test executes the code
	notCompiled outcome = "not compiled" // it is no program
	notRun      outcome = "not run"      // it is not in the sample
)

// options are how the mutants of a target are run.
type options struct {
	// sample is the number of mutants, chosen at random; 0: all.
	sample int
	// seed selects the sample.
	seed uint64
	// least is the time that the tests of a mutant have, besides four times what they take without it.
	least time.Duration
}

// without returns the indexes of the mutants that are not in the sample.
func (o options) without(mutants int) map[int]bool {
	out := map[int]bool{}
	if o.sample > 0 && o.sample < mutants {
		for _, i := range rand.New(rand.NewPCG(o.seed, 0)).Perm(mutants)[o.sample:] {
			out[i] = true
		}
	}
	return out
}

// measure builds the target's test program and runs the mutants of the sample.
func (t target) measure(ctx context.Context, o options) (result, error) {
	directory, err := os.MkdirTemp("", "edge-mutate-")
	if err != nil {
		return result{}, err
	}
	defer func() { _ = os.RemoveAll(directory) }()
	tests, f, err := t.build(ctx, directory)
	if err != nil {
		return result{}, err
	}
	if err := reach(ctx, tests, filepath.Join(directory, "reached")); err != nil {
		return result{}, err
	}
	return result{target: t, mutants: f.all, tests: tests, outcomes: runAll(ctx, f, tests, o)}, ctx.Err()
}

// runAll runs the mutants and returns their outcomes in order. A mutant that exceeds its time is run
// again alone, with twice the time, because the machine may have been busy.
func runAll(ctx context.Context, f *finder, tests []testCase, o options) []outcome {
	out, without := make([]outcome, len(f.all)), o.without(len(f.all))
	each(len(out), func(i int) {
		switch {
		case f.left[f.all[i].id]:
			out[i] = notCompiled
		case without[i]:
			out[i] = notRun
		default:
			out[i] = f.all[i].run(ctx, tests, o.least, 1)
		}
	})
	for i := range out {
		if out[i] == timedOut {
			out[i] = f.all[i].run(ctx, tests, o.least, 2)
		}
	}
	return out
}

// each calls f for 0 to n-1, a few at a time.
func each(n int, f func(int)) {
	jobs := make(chan int)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for i := range jobs {
				f(i)
			}
		})
	}
	for i := range n {
		jobs <- i
	}
	close(jobs)
	running.Wait()
}

// run runs the tests that reach the mutant, the quick ones first. The limit of time is patience times the
// least time and four times what the tests take without a mutant.
func (m mutant) run(ctx context.Context, tests []testCase, least, patience time.Duration) outcome {
	var first, rest [][]testCase
	for _, t := range tests {
		switch {
		case !t.reached[m.id]:
		case t.took < quick:
			first = byProgram(first, t)
		default:
			rest = byProgram(rest, t)
		}
	}
	found := notReached
	for _, some := range append(first, rest...) {
		if found = m.test(ctx, some, patience*(least+4*total(some))); found != lived {
			return found
		}
	}
	return found
}

// byProgram adds a test to those of its program.
func byProgram(all [][]testCase, t testCase) [][]testCase {
	for i, some := range all {
		if some[0].program == t.program {
			all[i] = append(some, t)
			return all
		}
	}
	return append(all, []testCase{t})
}

// total returns the time that tests take without a mutant.
func total(tests []testCase) (sum time.Duration) {
	for _, t := range tests {
		sum += t.took
	}
	return sum
}

// test runs tests of a program with the mutant.
func (m mutant) test(ctx context.Context, tests []testCase, limit time.Duration) outcome {
	names := make([]string, len(tests))
	for i, t := range tests {
		names[i] = t.name
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c := tests[0].command(ctx, "-test.failfast", "-test.run=^("+strings.Join(names, "|")+")$")
	c.Env = append(c.Environ(), fmt.Sprintf("EDGE_MUTANT=%d", m.id))
	_, err := c.CombinedOutput()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return timedOut
	case err != nil:
		return killed
	default:
		return lived
	}
}
