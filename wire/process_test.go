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

// stepLog records the steps in order.
type stepLog struct {
	mu    sync.Mutex
	lines []string
}

func (d *stepLog) add(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *stepLog) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

func (d *stepLog) step(name string, err error) step {
	return step{name, func(context.Context) error { d.add(name); return err }}
}

// runningTask returns a task that runs until it is stopped and records its end.
func (d *stepLog) runningTask(name string) *task {
	return newTask(name, func(ctx context.Context) error {
		<-ctx.Done()
		d.add("end " + name)
		return nil
	})
}

func newTestProcess(tasks []*task, traffic, flush []step) *Process {
	return &Process{
		Name: "test", log: slog.New(slog.DiscardHandler), readiness: app.NewReadiness(nil, nil), stopTimeout: 25 * time.Second,
		tasks: tasks, drainSteps: traffic, flushSteps: flush, failed: make(chan error, 1),
	}
}

func TestRunDrainsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &stepLog{}
		consumer := d.runningTask("consumer")
		p := newTestProcess([]*task{d.runningTask("listener"), consumer, d.runningTask("server")},
			[]step{{"stop consumer", consumer.stop}, d.step("close sockets", nil)}, []step{d.step("flush", nil)})

		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		synctest.Wait()
		require.True(t, p.readiness.Check(ctx).Ready)
		cancel()
		require.NoError(t, <-ended)
		require.Equal(t, []string{"end consumer", "close sockets", "flush", "end server", "end listener"}, d.all())
		require.True(t, p.readiness.Draining())
		require.NoError(t, p.Stop(t.Context()), "stopping again changes nothing")
		require.Len(t, d.all(), 5)
	})
}

func TestFailedStepDoesNotStopTheOthers(t *testing.T) {
	d := &stepLog{}
	first, second := errors.New("first"), errors.New("second")
	p := newTestProcess(nil, []step{d.step("a", first), d.step("b", nil)}, []step{d.step("c", second)})
	p.Start()
	err := p.Stop(t.Context())
	require.ErrorIs(t, err, first)
	require.ErrorIs(t, err, second)
	require.Equal(t, []string{"a", "b", "c"}, d.all())
	require.Equal(t, err, p.Stop(t.Context()))
}

func TestFailedTaskStopsTheProcess(t *testing.T) {
	d := &stepLog{}
	cause := errors.New("port taken")
	failing := newTask("server", func(context.Context) error { return cause })
	finished := newTask("listener", func(context.Context) error { return nil })
	err := newTestProcess([]*task{failing, d.runningTask("consumer"), finished}, nil, []step{d.step("flush", nil)}).Run(t.Context())
	require.ErrorIs(t, err, errUnexpectedEnd)
	require.Equal(t, []string{"flush", "end consumer"}, d.all())
}

func TestStopHasATimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endless := newTask("endless", func(context.Context) error {
			time.Sleep(time.Minute)
			return nil
		})
		waits := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		var left time.Duration
		p := newTestProcess([]*task{endless}, []step{{"sockets", waits}}, []step{{"flush", func(ctx context.Context) error {
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
		<-endless.done
	})
}

func TestStopBeforeStart(t *testing.T) {
	d := &stepLog{}
	p := newTestProcess([]*task{d.runningTask("server")}, []step{d.step("a", nil)}, nil)
	require.NoError(t, p.Stop(t.Context()))
	p.Start()
	require.Equal(t, []string{"a"}, d.all())
}

func TestPauseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		require.NoError(t, pause(ctx, time.Minute))
		require.Equal(t, time.Second, time.Since(began))
		require.NoError(t, pause(t.Context(), 0))
	})
}
