package main

import (
	"context"
	"fmt"
	"time"
)

// storm compares handshakes with those of the bare node.
func storm(ctx context.Context, l *runner) ([]row, error) {
	rows, err := l.stormBeside(ctx, l.startBareNode)
	if err != nil {
		return nil, err
	}
	rows[0] = rows[0].atLeast(0.7)
	return rows, nil
}

// stormBeside opens all sockets at once at a node and at the other server in turn. It includes
// the CPU time shortly after the handshakes, because the other server subscribes to Redis only then.
func (l *runner) stormBeside(ctx context.Context, other starter) ([]row, error) {
	nodes, err := startBoth(
		func() (*process, error) { return l.startNode(ctx) },
		func() (*process, error) { return other(ctx) },
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
			users, err := l.newUsers(l.sockets)
			if err != nil {
				return nil, err
			}
			before, startedAt := p.cpu(), time.Now()
			c, err := connectAll(ctx, p, users, len(users), 0)
			if err != nil {
				return nil, err
			}
			took[i] = time.Since(startedAt).Seconds()
			err = pause(ctx, time.Duration(l.size(1000, 200))*time.Millisecond)
			rate[i] = float64(len(users)) / max(p.cpu()-before, 0.01)
			lost += float64(c.lost.Load())
			c.close()
			if err != nil {
				return nil, err
			}
			// Closing the sockets must not count as handshake time of the next round.
			if err := pause(ctx, time.Duration(l.size(3000, 200))*time.Millisecond); err != nil {
				return nil, err
			}
		}
		perCPU.add(rate[0], rate[1])
		seconds.add(took[0], took[1])
	}
	return []row{
		perCPU.row(fmt.Sprintf("handshakes per CPU second, %d at once", l.sockets)),
		seconds.row("seconds until all are connected"),
		single("sockets that closed", lost).atMost(0),
	}, nil
}
