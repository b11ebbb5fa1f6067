package wire

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/app"
)

// diary records the steps in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

func (d *diary) step(name string, err error) step {
	return step{name, func(context.Context) error { d.note(name); return err }}
}

// lasting returns a task that runs until it is stopped and records its end.
func (d *diary) lasting(name string) *task {
	return newTask(name, func(ctx context.Context) error {
		<-ctx.Done()
		d.note("end " + name)
		return nil
	})
}

func process(tasks []*task, traffic, flush []step) *Process {
	return &Process{
		Name: "test", log: slog.New(slog.DiscardHandler), readiness: app.NewReadiness(nil, nil), stopTimeout: 25 * time.Second,
		tasks: tasks, drainSteps: traffic, flushSteps: flush, failed: make(chan error, 1),
	}
}

func TestRunDrainsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		consumer := d.lasting("consumer")
		p := process([]*task{d.lasting("listener"), consumer, d.lasting("server")},
			[]step{{"stop consumer", consumer.stop}, d.step("close sockets", nil)}, []step{d.step("flush", nil)})

		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		synctest.Wait()
		require.True(t, p.readiness.Check(ctx).Ready)
		cancel()
		require.NoError(t, <-ended)
		require.Equal(t, []string{"end consumer", "close sockets", "flush", "end server", "end listener"}, d.read())
		require.True(t, p.readiness.Draining())
		require.NoError(t, p.Stop(t.Context()), "stopping again changes nothing")
		require.Len(t, d.read(), 5)
	})
}

func TestAFailingStepDoesNotStopTheOthers(t *testing.T) {
	d := &diary{}
	first, second := errors.New("first"), errors.New("second")
	p := process(nil, []step{d.step("a", first), d.step("b", nil)}, []step{d.step("c", second)})
	p.Start()
	err := p.Stop(t.Context())
	require.ErrorIs(t, err, first)
	require.ErrorIs(t, err, second)
	require.Equal(t, []string{"a", "b", "c"}, d.read())
	require.Equal(t, err, p.Stop(t.Context()))
}

func TestAFailedTaskStopsTheProcess(t *testing.T) {
	d := &diary{}
	cause := errors.New("port taken")
	dying := newTask("server", func(context.Context) error { return cause })
	quiet := newTask("listener", func(context.Context) error { return nil })
	err := process([]*task{dying, d.lasting("consumer"), quiet}, nil, []step{d.step("flush", nil)}).Run(t.Context())
	require.ErrorIs(t, err, errUnexpectedEnd)
	require.Equal(t, []string{"flush", "end consumer"}, d.read())
}

func TestStoppingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stubborn := newTask("stubborn", func(context.Context) error {
			time.Sleep(time.Minute)
			return nil
		})
		waits := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		var left time.Duration
		p := process([]*task{stubborn}, []step{{"sockets", waits}}, []step{{"flush", func(ctx context.Context) error {
			deadline, _ := ctx.Deadline()
			left = time.Until(deadline)
			return nil
		}}})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		p.Start()
		began := time.Now()
		err := p.Stop(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 10*time.Second, time.Since(began))
		require.Equal(t, flushReserve, left, "traffic leaves time for flushing")
		<-stubborn.done
	})
}

func TestStopBeforeStart(t *testing.T) {
	d := &diary{}
	p := process([]*task{d.lasting("server")}, []step{d.step("a", nil)}, nil)
	require.NoError(t, p.Stop(t.Context()))
	p.Start()
	require.Equal(t, []string{"a"}, d.read())
}

func TestPauseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		require.NoError(t, pause(time.Minute)(ctx))
		require.Equal(t, time.Second, time.Since(began))
		require.NoError(t, pause(0)(t.Context()))
	})
}
