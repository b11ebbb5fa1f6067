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

// The generated sections of a page are between these two lines.
const (
	resultsStart = "<!-- make bench ARGS=\"-write FILE\" writes the sections below -->"
	resultsEnd   = "<!-- end of the sections of make bench -->"
	sectionMark  = "### " // sectionMark begins the heading of a scenario.
	tableHead    = "| figure | ours | beside it | ratio | target |\n|---|---:|---:|---:|---|\n"
)

var errNoResults = errors.New("the file has no sections of make bench")

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

// updatePage replaces the sections of the measured scenarios in a page. It keeps the text around the
// sections and those of other scenarios, in the order of scenarios.
func updatePage(path string, fresh []row, measured provenance) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, opened := strings.Cut(string(content), resultsStart+"\n")
	old, after, closed := strings.Cut(rest, resultsEnd)
	if !opened || !closed {
		return fmt.Errorf("%s: %w", path, errNoResults)
	}
	sections := splitSections(old)
	for id, rows := range byScenario(fresh) {
		sections[id] = section(id, rows, measured)
	}
	var b strings.Builder
	b.WriteString(before + resultsStart + "\n\n")
	for _, s := range scenarios() {
		b.WriteString(sections[s.id()])
	}
	b.WriteString(resultsEnd + after)
	return os.WriteFile(path, []byte(b.String()), 0o600)
}

// splitSections returns the sections by scenario. Each begins with its heading and ends with an empty line.
func splitSections(text string) map[string]string {
	sections := map[string]string{}
	for _, part := range strings.Split("\n"+text, "\n"+sectionMark)[1:] {
		id, _, _ := strings.Cut(part, "\n")
		sections[id] = sectionMark + strings.TrimRight(part, "\n") + "\n\n"
	}
	return sections
}

// byScenario groups rows and keeps their order.
func byScenario(rows []row) map[string][]row {
	groups := map[string][]row{}
	for _, r := range rows {
		groups[r.Scenario] = append(groups[r.Scenario], r)
	}
	return groups
}

// section returns the section of a scenario: how, when and where it was measured, and a table.
func section(id string, rows []row, p provenance) string {
	arguments := id
	if p.flags != "" {
		arguments = `"` + p.flags + id + `"`
	}
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "%s%s\n\n`make bench ARGS=%s`, %s, commit %#q, %s\n\n%s", sectionMark, id, arguments, p.date, p.commit, p.machine, tableHead)
	for _, r := range rows {
		b.WriteString(r.pageLine())
	}
	b.WriteString("\n")
	return b.String()
}

// pageLine returns the line of a page for a result.
func (r row) pageLine() string {
	target := r.Target
	if r.Met != nil && !*r.Met {
		target += ", **missed**"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", r.Measure, formatNumber(r.Ours), r.formatBeside(), formatOptional(r.Ratio), target)
}
