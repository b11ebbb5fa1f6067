// Package recorded keeps what a service under test writes and observes.
package recorded

import (
	"bytes"
	"strings"
	"sync"
	"testing"
)

// Log is a writer that keeps everything. The zero value is ready. It is safe for concurrent use.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// NewLog returns an empty log. If the test fails, its end prints the last 6 KiB of the log.
func NewLog(t *testing.T) *Log {
	t.Helper()
	l := &Log{}
	t.Cleanup(func() {
		const shown = 6 << 10
		if text := l.String(); t.Failed() {
			t.Log(text[max(0, len(text)-shown):])
		}
	})
	return l
}

// Write appends to the log. It never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns the log so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// From returns the text from an offset in bytes.
func (l *Log) From(offset int) string { return l.String()[offset:] }

// Lines returns the lines of the log so far.
func (l *Log) Lines() []string { return strings.Split(strings.TrimSpace(l.String()), "\n") }

// Count returns how often the log contains the text.
func (l *Log) Count(text string) int { return strings.Count(l.String(), text) }
