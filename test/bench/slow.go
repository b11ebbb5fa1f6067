package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// slowClose is the close code of sockets that did not read.
const slowClose = "4001"

// slowReaders sends large messages at a high rate to one user in ten, and messages at
// a steady rate to the others. First all clients read, then those with the high rate
// stop reading. There is no baseline: its single writer would block.
func slowReaders(ctx context.Context, l *runner) ([]row, error) {
	node, err := l.startNode(ctx)
	if err != nil {
		return nil, err
	}
	defer node.stop()
	users, err := l.newUsers(l.users)
	if err != nil {
		return nil, err
	}
	few := len(users) / 10
	c, err := connectAll(ctx, node, users, 100, few)
	if err != nil {
		return nil, err
	}
	defer c.close()
	s := &fanoutEnv{}
	if s.publisher, err = newRedisPublisher(ctx, l.redis); err != nil {
		return nil, err
	}
	defer s.publisher.close()
	flooder, err := newRedisPublisher(ctx, l.redis)
	if err != nil {
		return nil, err
	}
	defer flooder.close()

	const rate = 2000.0
	stalled, listeners := c.clients[:few], c.clients[few:]
	steady := publishPlan{listeners: listeners, each: max(1, int(rate*l.span.Seconds()*4)/len(listeners)), size: messageSize, rate: rate}
	quiet, before, err := s.runReading(ctx, c, steady, func(ctx context.Context) error {
		return flooder.publish(ctx, nil, floodPlan(stalled))
	})
	if err != nil {
		return nil, err
	}
	stopReading(stalled)
	resident := node.resident()
	if err := node.resetPeak(); err != nil {
		return nil, err
	}
	flooded := startFlood(ctx, node, flooder, stalled)
	beside, err := s.run(ctx, c, steady)
	cut := <-flooded
	if err := errors.Join(err, cut.err); err != nil {
		return nil, err
	}
	closed, err := node.metric(ctx, "websocket_closes_total", "code", slowClose)
	if err != nil {
		return nil, err
	}
	var p99 series
	p99.add(quantile(beside.latencies, .99), quantile(before.latencies, .99))
	wrong := quiet.errors
	wrong.add(before.errors)
	wrong.add(beside.errors)
	return append([]row{
		p99.row(fmt.Sprintf("p99 of other users next to %d slow readers, ms (bare: before)", few)).atMost(1.5),
		single("p99 of other users without the flood, ms", quantile(quiet.latencies, .99)),
		single("slow sockets closed with 4001", closed).atLeast(float64(few)),
		single("seconds from the flood to the last close", cut.seconds),
		single("MiB of additional memory at the peak", (node.peak()-resident)/(1<<20)),
		single("other sockets that closed", float64(c.lost.Load())).atMost(0),
	}, wrong.rows()...), nil
}

// floodResult is the result of a flood.
type floodResult struct {
	seconds float64
	err     error
}

// floodPlan returns a plan with more bytes than kernel and queue can buffer, at a rate
// that a reading client can keep up with.
func floodPlan(to []*client) publishPlan {
	return publishPlan{protocol: edgeProtocol(), phase: -1, listeners: to, each: 1500, size: 8 << 10, rate: 40 * float64(len(to))}
}

// runReading runs the plan while all clients read: a warm-up, alone, and together with
// other.
func (s *fanoutEnv) runReading(ctx context.Context, c *clientGroup, p publishPlan, other func(context.Context) error) (quiet, beside phaseResult, err error) {
	if _, err = s.run(ctx, c, p); err != nil {
		return quiet, beside, err
	}
	if quiet, err = s.run(ctx, c, p); err != nil {
		return quiet, beside, err
	}
	beside, err = s.runWith(ctx, c, p, other)
	return quiet, beside, err
}

// runWith runs the plan while other runs, and cancels other afterwards.
func (s *fanoutEnv) runWith(ctx context.Context, c *clientGroup, p publishPlan, other func(context.Context) error) (phaseResult, error) {
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

// startFlood sends the flood to the slow clients until the node has closed all of them
// or the plan is complete. The channel receives one result.
func startFlood(ctx context.Context, node *process, h *redisPublisher, stalled []*client) <-chan floodResult {
	done := make(chan floodResult, 1)
	go func() {
		startedAt := time.Now()
		stop, cancel := context.WithCancel(ctx)
		var watch sync.WaitGroup
		watch.Go(func() {
			for pause(stop, 100*time.Millisecond) == nil {
				if n, err := node.metric(stop, "websocket_closes_total", "code", slowClose); err == nil && int(n) >= len(stalled) {
					break
				}
			}
			cancel()
		})
		err := h.publish(stop, nil, floodPlan(stalled))
		if err != nil && stop.Err() != nil && ctx.Err() == nil {
			err = nil // all sockets were closed
		} else if err == nil {
			_ = pause(stop, 3*time.Second) // the last sockets may still be closed
		}
		took := time.Since(startedAt).Seconds()
		cancel()
		watch.Wait()
		done <- floodResult{took, err}
	}()
	return done
}
