package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/huleedu/edge/test/metrics"
)

// cpu returns the user and system CPU time in seconds. The resolution is 10 ms.
func (p *process) cpu() float64 {
	content, err := p.read("stat")
	if err != nil {
		return 0
	}
	// The process name in parentheses can contain any character; the fields follow it.
	fields := strings.Fields(content[strings.LastIndexByte(content, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100 // USER_HZ is 100
}

// resident returns the resident memory in bytes.
func (p *process) resident() float64 { return p.memory("VmRSS:") }

// peak returns the maximum resident memory in bytes since resetPeak.
func (p *process) peak() float64 { return p.memory("VmHWM:") }

// resetPeak sets peak to the current resident memory.
func (p *process) resetPeak() error {
	about, err := os.OpenRoot("/proc")
	if err != nil {
		return err
	}
	defer func() { _ = about.Close() }()
	return about.WriteFile(strconv.Itoa(p.pid)+"/clear_refs", []byte("5"), 0)
}

// read returns a file of /proc/<pid>.
func (p *process) read(name string) (string, error) {
	about, err := os.OpenRoot("/proc")
	if err != nil {
		return "", err
	}
	defer func() { _ = about.Close() }()
	content, err := about.ReadFile(strconv.Itoa(p.pid) + "/" + name)
	return string(content), err
}

func (p *process) memory(field string) float64 {
	content, err := p.read("status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(content, field)
	words := strings.Fields(rest)
	if len(words) == 0 {
		return 0
	}
	kib, _ := strconv.ParseFloat(words[0], 64)
	return kib * 1024
}

// metric returns a counter or gauge of the process, the sum over its other labels. labels are the
// name and the value of a label.
func (p *process) metric(ctx context.Context, name string, labels ...string) (float64, error) {
	page, err := metrics.Fetch(ctx, "http://"+p.addr+"/metrics")
	if err != nil {
		return 0, err
	}
	key := ""
	if len(labels) > 0 {
		labels, key = labels[:1], labels[1]
	}
	value, found := page.Sum(name, labels...)[key]
	if !found {
		return 0, fmt.Errorf("metric not found: %s %v %s", name, labels, key)
	}
	return value, nil
}
