package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// The generated table of a page is between these two lines.
const (
	tableStart = "<!-- make bench ARGS=\"-write FILE\" writes the rows below -->"
	tableEnd   = "<!-- end of the rows of make bench -->"
	tableHead  = "| figure | ours | beside it | ratio | target | command | measured | commit | machine |\n|---|---:|---:|---:|---|---|---|---|---|\n"
)

var errNoTable = errors.New("the file has no table of make bench")

// provenance says when, from which commit and on which machine a run was measured.
type provenance struct{ flags, date, commit, machine string }

// provenance describes this run. A fact that the system does not tell is "unknown".
func (l *runner) provenance(ctx context.Context) provenance {
	commit := output(ctx, "git", "rev-parse", "--short=9", "HEAD")
	if output(ctx, "git", "status", "--porcelain", "--untracked-files=no", "--", ":/", ":(exclude,top)docs") != "" {
		commit += " and changes"
	}
	load, _, _ := strings.Cut(fileText("/proc/loadavg"), " ")
	return provenance{
		flags: l.changed, date: time.Now().UTC().Format(time.DateOnly), commit: commit,
		machine: fmt.Sprintf("%d × %s, %s, load %s at the start", runtime.NumCPU(), processorName(), runtime.Version(), load),
	}
}

// processorName returns the name that Linux gives the processor.
func processorName() string {
	found := regexp.MustCompile(`(?m)^model name\s*:\s*(.+)$`).FindStringSubmatch(fileText("/proc/cpuinfo"))
	if found == nil {
		return runtime.GOARCH
	}
	return found[1]
}

// fileText returns the content of a file of /proc, or "unknown" on other systems.
func fileText(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	return string(content)
}

// output returns the output of a command, or "unknown" if it fails.
func output(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// updatePage replaces the lines of the measured scenarios in the table of a page. It keeps the text
// around the table and the lines of other scenarios, and sorts the lines by scenario.
func updatePage(path string, fresh []row, measured provenance) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, opened := strings.Cut(string(content), tableStart+"\n")
	old, after, closed := strings.Cut(rest, tableEnd)
	if !opened || !closed {
		return fmt.Errorf("%s: %w", path, errNoTable)
	}
	lines := map[string]string{}
	for _, x := range fresh {
		lines[x.Scenario] += x.pageLine(measured)
	}
	kept := tableLines(old)
	var b strings.Builder
	b.WriteString(before + tableStart + "\n\n" + tableHead)
	for _, s := range scenarios() {
		if lines[s.id()] == "" {
			lines[s.id()] = kept[s.id()]
		}
		b.WriteString(lines[s.id()])
	}
	b.WriteString("\n" + tableEnd + after)
	return os.WriteFile(path, []byte(b.String()), 0o600)
}

// tableLines returns the lines of a table by the scenario in their commands.
func tableLines(table string) map[string]string {
	lines := map[string]string{}
	for line := range strings.Lines(table) {
		if found := regexp.MustCompile("`make bench ARGS=\"?[^`|]*?([a-z]+/[a-z]+)\"?`").FindStringSubmatch(line); found != nil {
			lines[found[1]] += line
		}
	}
	return lines
}

// pageLine returns the line of a page for a result.
func (r row) pageLine(p provenance) string {
	command := r.Scenario
	if p.flags != "" {
		command = `"` + p.flags + r.Scenario + `"`
	}
	target := r.Target
	if r.Met != nil && !*r.Met {
		target += ", **missed**"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | `make bench ARGS=%s` | %s | %#q | %s |\n", r.Measure, formatNumber(r.Ours),
		r.formatBeside(), formatOptional(r.Ratio), target, command, p.date, p.commit, p.machine)
}
