package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// result holds the outcomes of a target's mutants.
type result struct {
	target   target
	mutants  []mutant
	tests    []testCase
	outcomes []outcome // in the order of mutants
}

func (r result) count(o outcome) (n int) {
	for _, found := range r.outcomes {
		if found == o {
			n++
		}
	}
	return n
}

// measured returns the number of mutants that were run or not reached.
func (r result) measured() int { return len(r.mutants) - r.count(notCompiled) - r.count(notRun) }

// score returns the share of mutants that are killed, in percent; those that no test reaches are not.
func (r result) score() float64 {
	return 100 * float64(r.count(killed)+r.count(timedOut)) / float64(max(1, r.measured()))
}

// printSurvivors prints each mutant that was not killed, and the tests that fail without a mutant.
func (r result) printSurvivors(to io.Writer) {
	for i, m := range r.mutants {
		if o := r.outcomes[i]; o != killed && o != notRun {
			_, _ = fmt.Fprintf(to, "%s/%s: %s: %s\n", r.target.mutated, m.position.Filename, o, m)
		}
	}
	for _, t := range r.tests {
		if t.failure != "" {
			_, _ = fmt.Fprintf(to, "%s: left out, it fails without a mutant: %s: %s\n", t.directory, t.name, t.failure)
		}
	}
}

// printTable prints a row for each target, in Markdown.
func printTable(to io.Writer, results []result) {
	_, _ = fmt.Fprint(to, "\n| package | mutants | killed | timed out | lived | not reached | score |\n|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		_, _ = fmt.Fprintf(to, "| `%s` | %d | %d | %d | %d | %d | %.0f %% |\n", r.target.mutated, r.measured(),
			r.count(killed), r.count(timedOut), r.count(lived), r.count(notReached), r.score())
	}
}

// printKinds prints a row for each kind of change over all targets, in Markdown.
func printKinds(to io.Writer, results []result) {
	all, dead := map[kind]int{}, map[kind]int{}
	for _, r := range results {
		for i, m := range r.mutants {
			switch r.outcomes[i] {
			case killed, timedOut:
				dead[m.kind]++
				all[m.kind]++
			case lived, notReached:
				all[m.kind]++
			}
		}
	}
	_, _ = fmt.Fprint(to, "\n| change | mutants | killed |\n|---|---|---|\n")
	for _, k := range slices.Sorted(maps.Keys(all)) {
		_, _ = fmt.Fprintf(to, "| %s | %d | %d |\n", k, all[k], dead[k])
	}
}
