package main

import (
	"bytes"
	"context"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// longest bounds the wait for anything that will happen.
const longest = 30 * time.Second

// shell is where a person runs one command of the tool.
type shell struct {
	out, errs *screen
	interrupt context.CancelFunc
	exit      chan int
}

// open runs a command line until it ends or is interrupted, at the latest by
// the end of the test.
func open(t *testing.T, vars map[string]string, args ...string) *shell {
	t.Helper()
	if vars == nil {
		vars = map[string]string{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := &shell{out: newScreen(), errs: newScreen(), interrupt: cancel, exit: make(chan int, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.exit <- run(ctx, tool{args: args, vars: vars, out: s.out, errs: s.errs})
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

// code waits for the exit code.
func (s *shell) code(t *testing.T) int {
	t.Helper()
	select {
	case code := <-s.exit:
		return code
	case <-time.After(longest):
		require.FailNow(t, "the command does not end", "%s%s", s.out, s.errs)
		return 0
	}
}

// ctrlC interrupts the command and waits for its end.
func (s *shell) ctrlC(t *testing.T) int {
	t.Helper()
	s.interrupt()
	return s.code(t)
}

// sees waits until the pattern was printed and returns its groups.
func (s *shell) sees(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := s.out.await(t.Context(), regexp.MustCompile(pattern))
	require.NoError(t, err, "no %q in:\n%s%s", pattern, s.out, s.errs)
	return found
}

// screen shows what was printed.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func newScreen() *screen { return &screen{more: make(chan struct{})} }

// Write prints.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.more)
	s.more = make(chan struct{})
	return s.text.Write(p)
}

// String is everything so far.
func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until the pattern is there and returns its groups.
func (s *screen) await(ctx context.Context, pattern *regexp.Regexp) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	for {
		s.mu.Lock()
		text, more := s.text.String(), s.more
		s.mu.Unlock()
		if found := pattern.FindStringSubmatch(text); found != nil {
			return found, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// lines are what was printed so far.
func (s *screen) lines() []string { return strings.Split(strings.TrimSpace(s.String()), "\n") }
