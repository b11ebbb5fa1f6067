package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a server under measurement, as a process of its own.
type process struct {
	name  string
	addr  string
	pid   int
	cmd   *exec.Cmd
	input io.Closer // closed, it ends a child of this program
	ended chan struct{}
	once  sync.Once
}

// own starts a child of this program; see child for the names.
func (l *lab) own(ctx context.Context, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return l.launch(ctx, exec.Command(self, append([]string{"child"}, args...)...))
}

// service starts gateway or websocket with these settings and no others.
func (l *lab) service(ctx context.Context, name string, settings map[string]string) (*process, error) {
	if l.inside {
		args := []string{name}
		if l.profile != "" {
			args = append(args, "profile="+filepath.Join(l.profile, l.tag(name)+".pprof"))
		}
		for key, value := range settings {
			args = append(args, key+"="+value)
		}
		return l.own(ctx, args...)
	}
	c := exec.Command(filepath.Join(l.bin, name))
	c.Env = []string{} // nil would inherit
	for key, value := range settings {
		c.Env = append(c.Env, key+"="+value)
	}
	return l.launch(ctx, c)
}

// launch returns when the process says where it listens. stop is owed.
func (l *lab) launch(ctx context.Context, c *exec.Cmd) (*process, error) {
	c.Dir = l.dir // where no .env lies
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	var errs bytes.Buffer
	c.Stderr = &errs
	if err := c.Start(); err != nil {
		return nil, err
	}
	p := &process{name: strings.Join(c.Args, " "), pid: c.Process.Pid, cmd: c, input: in, ended: make(chan struct{})}
	started := make(chan string, 1)
	go p.follow(out, started)
	select {
	case p.addr = <-started:
		if p.addr != "" {
			return p, nil
		}
	case <-time.After(30 * time.Second):
	case <-ctx.Done():
	}
	p.stop()
	return nil, errors.Join(ctx.Err(), fmt.Errorf("%s does not start: %s", p.name, errs.String()))
}

// follow reads the process's log to its end; a full pipe would hold it up.
func (p *process) follow(out io.Reader, started chan<- string) {
	defer close(p.ended)
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		var in struct{ Event, Address string }
		if json.Unmarshal(line, &in) == nil && in.Event == "started" {
			started <- in.Address
			_, _ = io.Copy(io.Discard, lines)
			break
		}
		if err != nil {
			break
		}
	}
	close(started)
	_ = p.cmd.Wait() // how a server ends is not what is measured
}

// stop ends the process in order, and soon. It may be called again.
func (p *process) stop() {
	if p == nil {
		return
	}
	p.once.Do(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		_ = p.input.Close()
		select {
		case <-p.ended:
		case <-time.After(10 * time.Second):
			_ = p.cmd.Process.Kill()
			<-p.ended
		}
	})
}

// pair is ours and the baseline, side by side.
type pair struct{ ours, bare *process }

// both starts the two; stop is owed.
func both(ours, bare func() (*process, error)) (pair, error) {
	o, err := ours()
	if err != nil {
		return pair{}, err
	}
	b, err := bare()
	if err != nil {
		o.stop()
		return pair{}, err
	}
	return pair{o, b}, nil
}

func (p pair) stop() {
	p.ours.stop()
	p.bare.stop()
}
