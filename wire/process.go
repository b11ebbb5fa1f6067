package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
)

// flushReserve is the part of the stop timeout that is reserved for flushes.
const flushReserve = 2 * time.Second

// Process is a service that is bound to its address. Start, Stop and Run may be called
// from any goroutine; each takes effect once.
type Process struct {
	// Name is the name of the service.
	Name string
	// Addr is the address of the service, "host:port".
	Addr string
	// Routes lists the routes at Addr.
	Routes []httpserver.Route
	// AdminAddr is the address of the admin listener, "host:port"; empty if Addr serves
	// the admin routes.
	AdminAddr string
	// AdminRoutes lists the routes at AdminAddr.
	AdminRoutes []httpserver.Route

	log         *slog.Logger
	environment domain.Environment
	readiness   *app.Readiness
	stopTimeout time.Duration
	tasks       []*task
	drainSteps  []step
	flushSteps  []step

	starting sync.Once
	stopping sync.Once
	failed   chan error
	stopErr  error
}

// step is a step of the drain. Logs contain its name.
type step struct {
	name string
	do   func(context.Context) error
}

// task is background work that runs until it is stopped.
type task struct {
	name string
	run  func(context.Context) error
	// shutdown ends work that does not observe its context; nil if it does.
	shutdown func(context.Context) error
	cancel   context.CancelFunc
	done     chan struct{}
	err      error
}

func newTask(name string, run func(context.Context) error) *task {
	return &task{name: name, run: run, cancel: func() {}, done: make(chan struct{})}
}

// stop ends the task and waits for it. A task that was never started has ended.
func (t *task) stop(ctx context.Context) error {
	t.cancel()
	var ended error
	if t.shutdown != nil {
		ended = t.shutdown(ctx)
	}
	select {
	case <-t.done:
		return errors.Join(ended, t.err)
	case <-ctx.Done():
		return fmt.Errorf("%s did not stop: %w", t.name, ctx.Err())
	}
}

// errUnexpectedEnd is the error of a task that ended before it was stopped.
var errUnexpectedEnd = errors.New("ended unexpectedly")

func (t *task) start(died chan<- error) {
	ctx, cancel := context.WithCancel(context.Background())
	t.cancel = cancel
	go func() {
		defer close(t.done)
		defer cancel()
		t.err = t.run(ctx)
		if ctx.Err() != nil {
			return
		}
		select {
		case died <- fmt.Errorf("%s: %w", t.name, errors.Join(errUnexpectedEnd, t.err)):
		default: // another task failed first
		}
	}()
}

// newProcess returns a process of a server that is bound. The admin server is the first
// task and is stopped last, so that operators can observe the drain to its end.
func newProcess(name domain.Service, server *httpserver.Server, r *app.Readiness, environment domain.Environment, log *slog.Logger) *Process {
	p := &Process{
		Name: string(name), Addr: server.Addr(), Routes: server.Routes(),
		log: log, environment: environment, readiness: r, failed: make(chan error, 1),
	}
	if admin := server.Admin(); admin != nil {
		p.AdminAddr, p.AdminRoutes = admin.Addr(), admin.Routes()
		answering := newTask("admin server", func(context.Context) error { return admin.Serve() })
		answering.shutdown = admin.Shutdown
		p.tasks = append(p.tasks, answering)
	}
	return p
}

// addLifecycle adds the background work and the flushes of the adapters.
func (p *Process) addLifecycle(l *lifecycle) {
	p.tasks = append(p.tasks, l.tasks...)
	for _, s := range slices.Backward(l.flushSteps) {
		p.flushSteps = append(p.flushSteps, s)
	}
}

// serverTask returns the task of a server. A step of the drain shuts the server down.
func serverTask(server *httpserver.Server) *task {
	return newTask("http server", func(context.Context) error { return server.Serve() })
}

// Start starts all tasks and makes the node ready.
func (p *Process) Start() {
	p.starting.Do(func() {
		for _, t := range p.tasks {
			t.start(p.failed)
		}
		p.readiness.Enter(app.Serving)
		where := []any{"version", domain.Version, "revision", revision(), "environment", string(p.environment), "address", p.Addr}
		if p.AdminAddr != "" {
			where = append(where, "admin_address", p.AdminAddr)
		}
		p.log.Info("started", where...)
	})
}

// Stop drains the process: first traffic, then flushes, then the tasks that still run,
// the admin listener last. It ends when ctx is done. A failed step is logged and does
// not skip the others. Every call returns the same joined error.
func (p *Process) Stop(ctx context.Context) error {
	p.starting.Do(p.neverStarted)
	p.stopping.Do(func() {
		p.readiness.Enter(app.Draining)
		began := time.Now()
		traffic, cancel := withReserve(ctx, flushReserve)
		defer cancel()
		err := p.runSteps(traffic, p.drainSteps)
		p.stopErr = errors.Join(err, p.runSteps(ctx, p.flushSteps), p.runSteps(ctx, p.stopSteps()))
		p.log.InfoContext(ctx, "stopped", "took_seconds", time.Since(began).Seconds())
	})
	return p.stopErr
}

// Run starts the process, waits until ctx is done or a task fails, and stops the
// process within its stop timeout.
func (p *Process) Run(ctx context.Context) error {
	p.Start()
	var death error
	select {
	case <-ctx.Done():
	case death = <-p.failed:
		p.log.ErrorContext(ctx, "a background task ended unexpectedly", "error", death)
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.stopTimeout)
	defer cancel()
	return errors.Join(death, p.Stop(limited))
}

// neverStarted marks every task as ended, so that a stop before the start does not
// wait for them.
func (p *Process) neverStarted() {
	for _, t := range p.tasks {
		close(t.done)
	}
}

func (p *Process) runSteps(ctx context.Context, steps []step) error {
	var all []error
	for _, s := range steps {
		if err := s.do(ctx); err != nil {
			p.log.WarnContext(ctx, "a step of the drain failed", "step", s.name, "error", err)
			all = append(all, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	return errors.Join(all...)
}

// stopSteps returns the steps that stop the tasks in reverse order of their start.
// Stopping a task that has ended does nothing.
func (p *Process) stopSteps() []step {
	steps := make([]step, 0, len(p.tasks))
	for _, t := range slices.Backward(p.tasks) {
		steps = append(steps, step{"stop " + t.name, t.stop})
	}
	return steps
}

// withReserve returns a context whose deadline is earlier than that of its parent by
// the given time, but at least half of the remaining time away.
func withReserve(ctx context.Context, ahead time.Duration) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return context.WithCancel(ctx)
	}
	ahead = min(ahead, time.Until(deadline)/2)
	return context.WithDeadline(ctx, deadline.Add(-ahead))
}

// retireStep returns the first step of a drain. The node reports that it is not ready
// and continues to serve, so that load balancers can remove it.
func retireStep(server *httpserver.Server, notice time.Duration) step {
	return step{"wait for the load balancer", func(ctx context.Context) error {
		server.Retire()
		return pause(ctx, notice)
	}}
}

// pause waits, but not longer than ctx allows.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	return nil
}
