package main

import (
	"fmt"
	"io"
)

// result holds the outcomes of a target's mutants.
type result struct {
	target   target
	mutants  []mutant
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

// score returns the share of mutants that are killed, in percent; those that no test reaches are not.
func (r result) score() float64 {
	return 100 * float64(r.count(killed)+r.count(timedOut)) / float64(max(1, len(r.mutants)))
}

// printSurvivors prints each mutant that lived or was not reached.
func (r result) printSurvivors(to io.Writer) {
	for i, m := range r.mutants {
		if o := r.outcomes[i]; o == lived || o == notReached {
			_, _ = fmt.Fprintf(to, "%s/%s:%d:%d: %s: %s (%s)\n", r.target.mutated, m.position.Filename, m.position.Line, m.position.Column, o, m.change, m.text)
		}
	}
}

// printTable prints a row for each target, in Markdown.
func printTable(to io.Writer, results []result) {
	_, _ = fmt.Fprint(to, "\n| package | mutants | killed | timed out | lived | not reached | score |\n|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		_, _ = fmt.Fprintf(to, "| `%s` | %d | %d | %d | %d | %d | %.0f %% |\n", r.target.mutated, len(r.mutants),
			r.count(killed), r.count(timedOut), r.count(lived), r.count(notReached), r.score())
	}
}
