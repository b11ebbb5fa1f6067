// Command mutate changes the code in small ways, one at a time, and reports which changes no unit
// test notices. Run it with "make mutate"; docs/mutation.md explains the result.
//
// All mutants of a package are compiled into one test program, each behind a switch, and an
// environment variable turns one on. So a mutant costs a run of the tests, not a build.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// minimumScore is the share of killed mutants below which a package fails, in percent.
const minimumScore = 80

var errLowScore = errors.New("the score is too low")

func main() {
	only := flag.String("only", "", "measure only this package or file, such as app/delivery or domain/error.go")
	o := options{least: 10 * time.Second}
	flag.IntVar(&o.sample, "sample", 0, "run only this many mutants of a package, chosen at random; 0: all")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "`number` that selects the sample")
	flag.Parse()
	if o.sample > 0 {
		fmt.Println("seed:", o.seed)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := measure(ctx, *only, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

// measure runs all mutants of the selected targets and prints what survived, then the table.
func measure(ctx context.Context, only string, o options) error {
	var results []result
	var low error
	for _, t := range targets() {
		t, is := t.narrowed(only)
		if !is {
			continue
		}
		r, err := t.measure(ctx, o)
		if err != nil {
			return fmt.Errorf("%s: %w", t.mutated, err)
		}
		r.printSurvivors(os.Stdout)
		results = append(results, r)
		if r.score() < minimumScore {
			low = errors.Join(low, fmt.Errorf("%s: %.0f %%: %w", t.mutated, r.score(), errLowScore))
		}
	}
	printTable(os.Stdout, results)
	printKinds(os.Stdout, results)
	return low
}
