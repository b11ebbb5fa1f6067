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

// flushReserve is what the draining of traffic leaves of a stop's time for flushing
// what was produced and recorded.
const flushReserve = 2 * time.Second

// Process is a service that is wired and bound to its address but serves
// nothing yet. Start, Stop and Run may be called from any goroutine, each to
// effect once.
type Process struct {
	// Name is the service's, for logs.
	Name string
	// Addr is the address it is bound to, "host:port".
	Addr string
	// Routes lists what it answers there.
	Routes []httpserver.Route
	// AdminAddr is the operators' address, "host:port"; empty when Addr answers
	// them too.
	AdminAddr string
	// AdminRoutes lists what is answered there.
	AdminRoutes []httpserver.Route

	log         *slog.Logger
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

// step is one part of the drain, by the name that logs show.
type step struct {
	name string
	do   func(context.Context) error
}

// task is work in the background that lasts until it is halted.
type task struct {
	name string
	run  func(context.Context) error
	// shutdown makes work return that does not heed its context; nil: it does.
	shutdown func(context.Context) error
	cancel   context.CancelFunc
	done     chan struct{}
	err      error
}

func newTask(name string, run func(context.Context) error) *task {
	return &task{name: name, run: run, cancel: func() {}, done: make(chan struct{})}
}

// stop ends the task and waits for it; one that was never launched has ended.
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
		return fmt.Errorf("%s did not end: %w", t.name, ctx.Err())
	}
}

// errUnexpectedEnd is a task that ended although nobody halted it.
var errUnexpectedEnd = errors.New("ended by itself")

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
		default: // another task died first; one cause is enough to stop
		}
	}()
}

// newProcess returns a process around a server that is bound. Its admin server
// is the first task and so the last that is halted: until everything else has
// ended, operators see that the node drains, and what it counts.
func newProcess(name domain.Service, server *httpserver.Server, r *app.Readiness, log *slog.Logger) *Process {
	p := &Process{
		Name: string(name), Addr: server.Addr(), Routes: server.Routes(),
		log: log, readiness: r, failed: make(chan error, 1),
	}
	if admin := server.Admin(); admin != nil {
		p.AdminAddr, p.AdminRoutes = admin.Addr(), admin.Routes()
		answering := newTask("admin server", func(context.Context) error { return admin.Serve() })
		answering.shutdown = admin.Shutdown
		p.tasks = append(p.tasks, answering)
	}
	return p
}

// addLifecycle takes over what adapters need beside their calls.
func (p *Process) addLifecycle(u Upkeep) {
	for _, l := range u.Loops {
		p.tasks = append(p.tasks, newTask(l.Name, l.Run))
	}
	for _, f := range u.Flushes {
		p.flushSteps = append(p.flushSteps, step{f.Name, f.Do})
	}
}

// serverTask is the task of a server, which ends by being shut down.
func serverTask(server *httpserver.Server) *task {
	return newTask("http server", func(context.Context) error { return server.Serve() })
}

// Start launches everything and lets the node be ready.
func (p *Process) Start() {
	p.starting.Do(func() {
		for _, t := range p.tasks {
			t.start(p.failed)
		}
		p.readiness.Enter(app.Serving)
		where := []any{"address", p.Addr}
		if p.AdminAddr != "" {
			where = append(where, "admin_address", p.AdminAddr)
		}
		p.log.Info("started", where...)
	})
}

// Stop drains the process: traffic first, in the order of its list, then what
// was produced and recorded is flushed and what still runs is halted, the
// operators' listener last of all. It is bounded by ctx; a step that fails is logged by name and does not keep the
// others from running. Every call returns the same joined error.
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

// Run starts the process, waits until ctx is done or a part of it dies, and
// stops it within its own limit.
func (p *Process) Run(ctx context.Context) error {
	p.Start()
	var death error
	select {
	case <-ctx.Done():
	case death = <-p.failed:
		p.log.ErrorContext(ctx, "a part of the process died", "error", death)
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.stopTimeout)
	defer cancel()
	return errors.Join(death, p.Stop(limited))
}

// neverStarted marks every task as ended, so that a stop before the start only
// releases.
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

// stopSteps ends the tasks in the reverse order of their launch; those that the
// drain has ended already end again at no cost.
func (p *Process) stopSteps() []step {
	steps := make([]step, 0, len(p.tasks))
	for _, t := range slices.Backward(p.tasks) {
		steps = append(steps, step{"halt " + t.name, t.stop})
	}
	return steps
}

// withReserve returns a context that ends the given time ahead of its parent, or at
// half of what is left when that is more.
func withReserve(ctx context.Context, ahead time.Duration) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return context.WithCancel(ctx)
	}
	ahead = min(ahead, time.Until(deadline)/2)
	return context.WithDeadline(ctx, deadline.Add(-ahead))
}

// pause waits, so that those who route to this node notice that it is no
// longer ready while it still serves.
func pause(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
		return nil
	}
}
