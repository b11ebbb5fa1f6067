package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// slowClose is the label of sockets that were closed because they did not read.
const slowClose = `code="4001"`

// slowReaders lets one user in ten stop reading and floods those, while the
// others get their messages at a steady rate as before. The baseline has no
// answer to this: its one writer would wait.
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
	deaf := len(users) / 10
	c, err := gather(ctx, node, users, 100, deaf)
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
	listeners := c.members[deaf:]
	steady := plan{listeners: listeners, each: max(1, int(rate*l.span.Seconds()*4)/len(listeners)), size: messageSize, rate: rate}
	if _, err := s.run(ctx, c, steady); err != nil { // warming up
		return nil, err
	}
	alone, err := s.run(ctx, c, steady)
	if err != nil {
		return nil, err
	}
	resident := node.resident()
	if err := node.resetPeak(); err != nil {
		return nil, err
	}
	flood := flooding(ctx, node, flooder, c.members[:deaf])
	beside, err := s.run(ctx, c, steady)
	cut := <-flood
	if err != nil {
		return nil, err
	}
	if cut.err != nil {
		return nil, cut.err
	}
	closed, err := metric(ctx, node, "websocket_closes_total", slowClose)
	if err != nil {
		return nil, err
	}
	var p99 series
	p99.add(quantile(beside.took, .99), quantile(alone.took, .99))
	wrong := alone.wrong
	wrong.add(beside.wrong)
	return append([]row{
		p99.row(fmt.Sprintf("p99 of the others beside %d who do not read, ms (bare: before)", deaf)).atMost(1.5),
		single("of those who do not read, cut with 4001", closed).atLeast(float64(deaf)),
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

// flooding sends the deaf more than kernel and queue hold, until the node says
// that all are cut or there is no more to send, and reports once.
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
		err := h.publish(stop, nil, plan{
			phase: -1, listeners: deaf, each: 1500, size: 8 << 10, rate: 4000,
		})
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
