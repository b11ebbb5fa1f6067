package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// workers is the number of mutants that run at the same time. Tests wait more than they compute.
	workers = 3
	// step is the time of the processor that the first tests of a mutant take; each further step takes
	// four times as much.
	step = 200 * time.Millisecond
)

// outcome says what the tests do with a mutant.
type outcome string

const (
	killed      outcome = "killed"
	timedOut    outcome = "timed out" // an endless loop, say; it counts as killed
	lived       outcome = "lived"
	notReached  outcome = "not reached"  // no test executes the code
	notCompiled outcome = "not compiled" // the changed code does not compile
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

// run runs the tests that reach the mutant, in steps, the quick ones first. The limit of time is patience
// times the least time and four times what the tests take without a mutant.
func (m mutant) run(ctx context.Context, tests []testCase, least time.Duration, patience int) outcome {
	found := notReached
	for _, some := range steps(m.reachedBy(tests)) {
		if found = m.test(ctx, some, time.Duration(patience)*(least+4*total(some))); found != lived {
			return found
		}
	}
	return found
}

// reachedBy returns the tests that reach the mutant, the quickest first.
func (m mutant) reachedBy(tests []testCase) []testCase {
	out := slices.DeleteFunc(slices.Clone(tests), func(t testCase) bool { return !t.reached[m.id] })
	slices.SortStableFunc(out, func(a, b testCase) int { return cmp.Compare(a.cpu, b.cpu) })
	return out
}

// steps divides the tests into runs of one program each.
func steps(tests []testCase) (out [][]testCase) {
	var spent time.Duration
	most := step
	for i, t := range tests {
		spent += t.cpu
		if i == 0 || spent > most || out[len(out)-1][0].program != t.program {
			out = append(out, nil)
			for spent > most {
				most *= 4
			}
		}
		out[len(out)-1] = append(out[len(out)-1], t)
	}
	return out
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
