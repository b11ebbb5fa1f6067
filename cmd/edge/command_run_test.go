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

// waitLimit limits every wait in the tests.
const waitLimit = 30 * time.Second

// commandRun is one running command of the tool.
type commandRun struct {
	out, errs *outputBuffer
	interrupt context.CancelFunc
	exit      chan int
}

// startCommand runs a command line. The end of the test interrupts it and waits for it.
func startCommand(t *testing.T, vars map[string]string, args ...string) *commandRun {
	t.Helper()
	if vars == nil {
		vars = map[string]string{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := &commandRun{out: newOutputBuffer(), errs: newOutputBuffer(), interrupt: cancel, exit: make(chan int, 1)}
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

// exitCode waits for the exit code.
func (s *commandRun) exitCode(t *testing.T) int {
	t.Helper()
	select {
	case code := <-s.exit:
		return code
	case <-time.After(waitLimit):
		require.FailNow(t, "the command did not end", "%s%s", s.out, s.errs)
		return 0
	}
}

// interruptAndWait interrupts the command and waits for its end.
func (s *commandRun) interruptAndWait(t *testing.T) int {
	t.Helper()
	s.interrupt()
	return s.exitCode(t)
}

// waitOutput waits until the output matches the pattern and returns the submatches.
func (s *commandRun) waitOutput(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := s.out.await(t.Context(), regexp.MustCompile(pattern))
	require.NoError(t, err, "no %q in:\n%s%s", pattern, s.out, s.errs)
	return found
}

// outputBuffer collects output. Readers can wait for a pattern.
type outputBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func newOutputBuffer() *outputBuffer { return &outputBuffer{more: make(chan struct{})} }

// Write appends output and wakes the waiting readers.
func (s *outputBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.more)
	s.more = make(chan struct{})
	return s.text.Write(p)
}

// String returns the output so far.
func (s *outputBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until the output matches the pattern and returns the submatches.
func (s *outputBuffer) await(ctx context.Context, pattern *regexp.Regexp) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
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

// lines returns the lines of the output so far.
func (s *outputBuffer) lines() []string { return strings.Split(strings.TrimSpace(s.String()), "\n") }
