// Package dependency tracks whether the systems that a service needs work, and logs each
// change. It sends no requests: adapters report the results that they get anyway.
package dependency

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// maxCause limits the text of a cause in a log line, in bytes.
	maxCause = 300
	// maxAddress limits the text of an address in a log line, in bytes.
	maxAddress = 200
)

// Config describes a dependency.
type Config struct {
	// Name is the dependency's role, the value of the metric's label.
	Name string
	// Address is where the dependency is, without credentials.
	Address string
	// Tolerance is how long reports must fail, without a success in between, before the
	// dependency counts as down. 0 means that one failure is enough.
	Tolerance time.Duration
}

// Tracker keeps the state of one dependency: up or down. It writes a warning when the
// dependency goes down and an info line when it is back, and reports both to the observer.
// Reports that do not change the state write nothing. A nil Tracker ignores all reports. It
// is safe for concurrent use.
type Tracker struct {
	config   Config
	observer ports.Observer
	log      *slog.Logger
	// steady is set while the dependency is up and the last report was a success, so that
	// further successes need no lock.
	steady atomic.Bool

	mu   sync.Mutex
	down bool
	// failingSince is the time of the first failure after the last success.
	failingSince time.Time
}

// NewTracker returns a tracker of a dependency that is up.
func NewTracker(c Config, o ports.Observer, log *slog.Logger) *Tracker {
	c.Address = clip(c.Address, maxAddress)
	t := &Tracker{config: c, observer: o, log: log}
	t.steady.Store(true)
	o.Observe(domain.DependencyChanged{Name: c.Name, Up: true})
	return t
}

// Report records the result of using the dependency; nil means that it works. It ignores
// context.Canceled, because then the caller gave up. The text of err must contain no secret.
func (t *Tracker) Report(err error) {
	switch {
	case t == nil, err == nil && t.steady.Load(), errors.Is(err, context.Canceled):
	case err == nil:
		t.succeeded()
	default:
		t.failed(err)
	}
}

func (t *Tracker) succeeded() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.down {
		t.down = false
		t.observer.Observe(domain.DependencyChanged{Name: t.config.Name, Up: true})
		t.log.Info("dependency is back", "dependency", t.config.Name, "address", t.config.Address,
			"down_seconds", time.Since(t.failingSince).Round(time.Millisecond).Seconds())
	}
	t.failingSince = time.Time{}
	t.steady.Store(true)
}

func (t *Tracker) failed(cause error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.steady.Store(false)
	if t.failingSince.IsZero() {
		t.failingSince = time.Now()
	}
	if t.down || time.Since(t.failingSince) < t.config.Tolerance {
		return
	}
	t.down = true
	t.observer.Observe(domain.DependencyChanged{Name: t.config.Name})
	t.log.Warn("dependency is down", "dependency", t.config.Name, "address", t.config.Address,
		"error", clip(cause.Error(), maxCause))
}

// clip shortens a text to at most the given number of bytes of valid UTF-8 on one line. The texts
// of joined errors, one on each line, are separated by semicolons.
func clip(text string, most int) string {
	var lines []string
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) > 0 {
			lines = append(lines, strings.Join(words, " "))
		}
	}
	text = strings.ToValidUTF8(strings.Join(lines, "; "), "?")
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}
