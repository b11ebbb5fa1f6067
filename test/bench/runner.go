package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// unreachableAddr is an address without a listener.
const unreachableAddr = "127.0.0.1:1"

// runner holds the processes and options that all scenarios of a run share.
type runner struct {
	options
	log      io.Writer
	dir      string // all files of the run
	bin      string // directory of the service binaries; empty with -inside
	redis    string
	kafka    string // empty until kafkaAddr has started one
	cleanups []func()
	names    int
}

// newRunner builds the services and starts Redis. The caller must call close.
func newRunner(ctx context.Context, o options, log io.Writer) (*runner, error) {
	dir, err := os.MkdirTemp("", "edge-bench-")
	if err != nil {
		return nil, err
	}
	l := &runner{options: o, log: log, dir: dir, redis: o.redis, kafka: o.kafka}
	l.cleanups = append(l.cleanups, func() { _ = os.RemoveAll(dir) })
	if err := errors.Join(l.build(ctx), l.startRedis(ctx)); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// close releases everything that the run has started, in reverse order.
func (l *runner) close() {
	for _, undo := range slices.Backward(l.cleanups) {
		undo()
	}
	l.cleanups = nil
}

// build compiles the two services like a release, without the race detector.
func (l *runner) build(ctx context.Context) error {
	if l.inside {
		return nil
	}
	l.logf("building the services")
	l.bin = filepath.Join(l.dir, "bin")
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", l.bin+"/",
		"github.com/huleedu/edge/cmd/gateway", "github.com/huleedu/edge/cmd/websocket")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build the services: %w\n%s", err, out)
	}
	return nil
}

// uniqueName returns a name that is unique in this run, for example for users.
func (l *runner) uniqueName(kind string) string {
	l.names++
	return fmt.Sprintf("%s-%d-%d", kind, os.Getpid(), l.names)
}

func (l *runner) logf(format string, args ...any) {
	_, _ = fmt.Fprintf(l.log, "== "+format+"\n", args...)
}

// pause waits for the duration of a measurement. It returns ctx's error if ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// pollUntil polls done, for a condition without an event, for example in another process.
func pollUntil(ctx context.Context, limit time.Duration, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !done() {
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
