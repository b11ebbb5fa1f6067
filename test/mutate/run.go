package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// workers is the number of mutants that run at the same time. Tests wait more than they compute.
const workers = 4

// outcome says what the tests do with a mutant.
type outcome string

const (
	killed     outcome = "killed"
	timedOut   outcome = "timed out" // an endless loop, say; it counts as killed
	lived      outcome = "lived"
	notReached outcome = "not reached" // no test executes the code
)

// measure builds the target's test program and runs every mutant.
func (t target) measure(ctx context.Context) (result, error) {
	directory, err := os.MkdirTemp("", "edge-mutate-")
	if err != nil {
		return result{}, err
	}
	defer func() { _ = os.RemoveAll(directory) }()
	p, err := t.build(ctx, directory)
	if err != nil {
		return result{}, err
	}
	reached := filepath.Join(directory, "reached")
	if err := os.Mkdir(reached, 0o700); err != nil {
		return result{}, err
	}
	began := time.Now()
	if out, err := p.test(ctx, t.run, "EDGE_MUTANTS_REACHED="+reached); err != nil {
		return result{}, fmt.Errorf("without a mutant: %w\n%s", err, out)
	}
	limit := 4*time.Since(began) + 10*time.Second
	return result{target: t, mutants: p.mutants, outcomes: p.runAll(ctx, t.run, reached, limit)}, ctx.Err()
}

// runAll runs the mutants and returns their outcomes in order.
func (p program) runAll(ctx context.Context, run, reached string, limit time.Duration) []outcome {
	out := make([]outcome, len(p.mutants))
	jobs := make(chan int)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for i := range jobs {
				out[i] = p.outcome(ctx, run, p.mutants[i], reached, limit)
			}
		})
	}
	for i := range p.mutants {
		jobs <- i
	}
	close(jobs)
	running.Wait()
	return out
}

func (p program) outcome(ctx context.Context, run string, m mutant, reached string, limit time.Duration) outcome {
	id := fmt.Sprint(m.id)
	if _, err := os.Stat(filepath.Join(reached, id)); err != nil {
		return notReached
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := p.test(ctx, run, "EDGE_MUTANT="+id)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return timedOut
	case err != nil:
		return killed
	default:
		return lived
	}
}

// test runs the test program with a variable.
func (p program) test(ctx context.Context, run, variable string) ([]byte, error) {
	c := exec.CommandContext(ctx, p.path, "-test.short", "-test.failfast", "-test.run="+run)
	c.Dir, c.WaitDelay = p.directory, time.Second
	c.Env = append(c.Environ(), variable)
	return c.CombinedOutput()
}
