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

// nowhere is an address where nobody listens.
const nowhere = "127.0.0.1:1"

// lab is what all scenarios of a run have in common.
type lab struct {
	options
	log   io.Writer
	dir   string // of everything that the run leaves on disk
	bin   string // where the services are; empty when they run inside
	redis string
	kafka string // empty until kafkaAddr was asked
	undo  []func()
	tags  int
}

// open builds the services and starts Redis. close is owed.
func open(ctx context.Context, o options, log io.Writer) (*lab, error) {
	dir, err := os.MkdirTemp("", "edge-bench-")
	if err != nil {
		return nil, err
	}
	l := &lab{options: o, log: log, dir: dir, redis: o.redis, kafka: o.kafka}
	l.undo = append(l.undo, func() { _ = os.RemoveAll(dir) })
	if err := errors.Join(l.build(ctx), l.ownRedis(ctx)); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// close ends what the run started, last things first.
func (l *lab) close() {
	for _, undo := range slices.Backward(l.undo) {
		undo()
	}
	l.undo = nil
}

// build makes the two services as they are shipped, without the race detector.
func (l *lab) build(ctx context.Context) error {
	if l.inside {
		return nil
	}
	l.say("building the services")
	l.bin = filepath.Join(l.dir, "bin")
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", l.bin+"/",
		"github.com/huleedu/edge/cmd/gateway", "github.com/huleedu/edge/cmd/websocket")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build the services: %w\n%s", err, out)
	}
	return nil
}

// tag names something that no other part of the run has: users above all.
func (l *lab) tag(kind string) string {
	l.tags++
	return fmt.Sprintf("%s-%d-%d", kind, os.Getpid(), l.tags)
}

func (l *lab) say(format string, args ...any) {
	_, _ = fmt.Fprintf(l.log, "== "+format+"\n", args...)
}

// pause lets time pass: a measurement lasts as long as it lasts.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// until waits for something that has no event, in another process for example.
func until(ctx context.Context, limit time.Duration, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !done() {
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
