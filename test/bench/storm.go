package main

import (
	"context"
	"fmt"
	"time"
)

// storm opens all sockets at once. The CPU of what follows a handshake counts:
// the baseline subscribes only then, ours before.
func storm(ctx context.Context, l *lab) ([]row, error) {
	nodes, err := both(
		func() (*process, error) { return l.node(ctx) },
		func() (*process, error) { return l.bareNode(ctx) },
	)
	if err != nil {
		return nil, err
	}
	defer nodes.stop()
	var perCPU, seconds series
	lost := 0.0
	for range l.rounds {
		var rate, took [2]float64
		for i, p := range []*process{nodes.ours, nodes.bare} {
			users, err := l.people(l.sockets)
			if err != nil {
				return nil, err
			}
			before, began := p.cpu(), time.Now()
			c, err := gather(ctx, p, users, len(users), 0)
			if err != nil {
				return nil, err
			}
			took[i] = time.Since(began).Seconds()
			err = pause(ctx, time.Duration(l.size(1000, 200))*time.Millisecond)
			rate[i] = float64(len(users)) / max(p.cpu()-before, 0.01)
			lost += float64(c.lost.Load())
			c.leave()
			if err != nil {
				return nil, err
			}
			// What the closing costs is not a handshake's.
			if err := pause(ctx, time.Duration(l.size(3000, 200))*time.Millisecond); err != nil {
				return nil, err
			}
		}
		perCPU.add(rate[0], rate[1])
		seconds.add(took[0], took[1])
	}
	return []row{
		perCPU.row(fmt.Sprintf("handshakes per CPU second, %d at once", l.sockets)).atLeast(0.7),
		seconds.row("seconds until all are in"),
		single("sockets that ended", lost).atMost(0),
	}, nil
}
