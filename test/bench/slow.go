package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// slowClose is the label of sockets that were closed because they did not read.
const slowClose = `code="4001"`

// slowReaders sends one user in ten a flood, while the others get their messages at
// a steady rate: first everybody reads, then those whom the flood is for stop. The
// baseline has no answer to this: its one writer would wait.
func slowReaders(ctx context.Context, l *lab) ([]row, error) {
	node, err := l.node(ctx)
	if err != nil {
		return nil, err
	}
	defer node.stop()
	users, err := l.people(l.users)
	if err != nil {
		return nil, err
	}
	few := len(users) / 10
	c, err := gather(ctx, node, users, 100, few)
	if err != nil {
		return nil, err
	}
	defer c.leave()
	s := &stage{}
	if s.herald, err = newHerald(ctx, l.redis); err != nil {
		return nil, err
	}
	defer s.herald.close()
	flooder, err := newHerald(ctx, l.redis)
	if err != nil {
		return nil, err
	}
	defer flooder.close()

	const rate = 2000.0
	deaf, listeners := c.members[:few], c.members[few:]
	steady := plan{listeners: listeners, each: max(1, int(rate*l.span.Seconds()*4)/len(listeners)), size: messageSize, rate: rate}
	quiet, before, err := s.hearing(ctx, c, steady, func(ctx context.Context) error {
		return flooder.publish(ctx, nil, flood(deaf))
	})
	if err != nil {
		return nil, err
	}
	deafen(deaf)
	resident := node.resident()
	if err := node.resetPeak(); err != nil {
		return nil, err
	}
	flooded := flooding(ctx, node, flooder, deaf)
	beside, err := s.run(ctx, c, steady)
	cut := <-flooded
	if err := errors.Join(err, cut.err); err != nil {
		return nil, err
	}
	closed, err := metric(ctx, node, "websocket_closes_total", slowClose)
	if err != nil {
		return nil, err
	}
	var p99 series
	p99.add(quantile(beside.took, .99), quantile(before.took, .99))
	wrong := quiet.wrong
	wrong.add(before.wrong)
	wrong.add(beside.wrong)
	return append([]row{
		p99.row(fmt.Sprintf("p99 of the others beside %d who do not read, ms (bare: before)", few)).atMost(1.5),
		single("p99 of the others without the flood, ms", quantile(quiet.took, .99)),
		single("of those who do not read, cut with 4001", closed).atLeast(float64(few)),
		single("seconds from the flood to the last cut", cut.seconds),
		single("MiB of memory added at the peak", (node.peak()-resident)/(1<<20)),
		single("others' sockets that ended", float64(c.lost.Load())).atMost(0),
	}, wrong.rows()...), nil
}

// cutting is how the flood ended.
type cutting struct {
	seconds float64
	err     error
}

// flood is more than kernel and queue hold, at a rate that each of them could read.
func flood(to []*member) plan {
	return plan{phase: -1, listeners: to, each: 1500, size: 8 << 10, rate: 40 * float64(len(to))}
}

// hearing runs the plan while everybody reads: warming up, alone, and beside the
// other.
func (s *stage) hearing(ctx context.Context, c *crowd, p plan, other func(context.Context) error) (quiet, beside delivery, err error) {
	if _, err = s.run(ctx, c, p); err != nil {
		return quiet, beside, err
	}
	if quiet, err = s.run(ctx, c, p); err != nil {
		return quiet, beside, err
	}
	beside, err = s.beside(ctx, c, p, other)
	return quiet, beside, err
}

// beside is a run during which something else goes on, which ends with it.
func (s *stage) beside(ctx context.Context, c *crowd, p plan, other func(context.Context) error) (delivery, error) {
	stop, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- other(stop) }()
	d, err := s.run(ctx, c, p)
	cancel()
	if failed := <-ended; err == nil && !errors.Is(failed, context.Canceled) {
		err = failed
	}
	return d, err
}

// flooding sends the deaf the flood, until the node says that all are cut or there
// is no more to send, and reports once.
func flooding(ctx context.Context, node *process, h *herald, deaf []*member) <-chan cutting {
	done := make(chan cutting, 1)
	go func() {
		began := time.Now()
		stop, cancel := context.WithCancel(ctx)
		var watch sync.WaitGroup
		watch.Go(func() {
			for pause(stop, 100*time.Millisecond) == nil {
				if n, err := metric(stop, node, "websocket_closes_total", slowClose); err == nil && int(n) >= len(deaf) {
					break
				}
			}
			cancel()
		})
		err := h.publish(stop, nil, flood(deaf))
		if err != nil && stop.Err() != nil && ctx.Err() == nil {
			err = nil // all were cut
		} else if err == nil {
			_ = pause(stop, 3*time.Second) // the last ones may still be cut
		}
		took := time.Since(began).Seconds()
		cancel()
		watch.Wait()
		done <- cutting{took, err}
	}()
	return done
}
