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

// process is a measured server that runs in its own process.
type process struct {
	name     string
	addr     string
	protocol protocol // of a notification server
	pid      int
	cmd      *exec.Cmd
	input    io.Closer    // closing it stops a child of this program
	errs     bytes.Buffer // standard error; read it after done
	done     chan struct{}
	once     sync.Once
}

// startChild starts a child process of this program; child lists the kinds.
func (l *runner) startChild(ctx context.Context, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return l.start(ctx, exec.Command(self, append([]string{"child"}, args...)...))
}

// startService starts the gateway or websocket binary with only these settings.
func (l *runner) startService(ctx context.Context, name string, settings map[string]string) (*process, error) {
	if l.inside {
		args := []string{name}
		if l.profile != "" {
			args = append(args, "profile="+filepath.Join(l.profile, l.uniqueName(name)+".pprof"))
		}
		for key, value := range settings {
			args = append(args, key+"="+value)
		}
		return l.startChild(ctx, args...)
	}
	c := exec.Command(filepath.Join(l.bin, name))
	c.Env = []string{} // a nil slice would inherit the environment
	for key, value := range settings {
		c.Env = append(c.Env, key+"="+value)
	}
	return l.start(ctx, c)
}

// start starts the command and returns when it has logged its address. The caller
// must call stop.
func (l *runner) start(ctx context.Context, c *exec.Cmd) (*process, error) {
	p, out, err := l.launch(c)
	if err != nil {
		return nil, err
	}
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
	return nil, errors.Join(ctx.Err(), fmt.Errorf("%s did not start: %s", p.name, p.errs.String()))
}

// launch starts the command and returns its output. The caller must read the output, wait for the
// command, and close done.
func (l *runner) launch(c *exec.Cmd) (*process, io.Reader, error) {
	c.Dir = l.dir // has no .env file
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	in, err := c.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	p := &process{name: strings.Join(c.Args, " "), protocol: edgeProtocol(), cmd: c, input: in, done: make(chan struct{})}
	c.Stderr = &p.errs
	if err := c.Start(); err != nil {
		return nil, nil, err
	}
	p.pid = c.Process.Pid
	return p, out, nil
}

// follow reads the output until the process ends, so that a full pipe does not block it.
func (p *process) follow(out io.Reader, started chan<- string) {
	defer close(p.done)
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
	_ = p.cmd.Wait() // the exit status does not matter
}

// stop sends SIGTERM and, after 10 s, SIGKILL. It may be called more than once.
func (p *process) stop() {
	if p == nil {
		return
	}
	p.once.Do(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		_ = p.input.Close()
		select {
		case <-p.done:
		case <-time.After(10 * time.Second):
			_ = p.cmd.Process.Kill()
			<-p.done
		}
	})
}

// starter starts a server and returns when it accepts connections.
type starter func(context.Context) (*process, error)

// pair is a service and its baseline.
type pair struct{ ours, bare *process }

// startBoth starts a service and its baseline. The caller must call stop.
func startBoth(ours, bare func() (*process, error)) (pair, error) {
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
