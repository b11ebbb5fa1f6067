package main

import (
	"context"
	"fmt"
	"time"
)

// idleMemory opens sockets on fresh nodes, in three numbers of them, and reads
// what each costs while nothing happens.
func idleMemory(ctx context.Context, l *lab) ([]row, error) {
	var rows []row
	var costs []float64
	for _, n := range steps(l.sockets) {
		ours, err := l.idleCost(ctx, n, l.node)
		if err != nil {
			return rows, err
		}
		bare, err := l.idleCost(ctx, n, l.bareNode)
		if err != nil {
			return rows, err
		}
		var cost series
		cost.add(ours.resident, bare.resident)
		r := cost.row(fmt.Sprintf("KB resident per idle socket, %d of them", n))
		met := r.Ours <= 17
		r.Target, r.Met = "≤ 17 KB", &met
		rows = append(rows, r, single(fmt.Sprintf("KB of heap and stacks per idle socket, %d of them", n), ours.live))
		costs = append(costs, ours.resident)
	}
	rows = append(rows, single("dearest number of sockets to the cheapest, per socket",
		quantile(costs, 1)/max(quantile(costs, 0), 0.001)).atMost(1.1))
	return rows, nil
}

// steps are the numbers of sockets that show whether cost is linear.
func steps(n int) []int {
	if n >= 5000 {
		return []int{1000, 5000, 10000}
	}
	return []int{n / 2, n}
}

// cost is kilobytes per socket.
type cost struct{ resident, live float64 }

func (l *lab) idleCost(ctx context.Context, n int, start func(context.Context) (*process, error)) (cost, error) {
	p, err := start(ctx)
	if err != nil {
		return cost{}, err
	}
	defer p.stop()
	users, err := l.people(n + 10)
	if err != nil {
		return cost{}, err
	}
	// The first sockets pay for what all share.
	first, err := gather(ctx, p, users[n:], 10, 0)
	if err != nil {
		return cost{}, err
	}
	defer first.leave()
	resident, live := p.resident(), used(ctx, p)
	c, err := gather(ctx, p, users[:n], 100, 0)
	if err != nil {
		return cost{}, err
	}
	defer c.leave()
	if err := pause(ctx, time.Duration(l.size(5000, 300))*time.Millisecond); err != nil {
		return cost{}, err
	}
	each := func(growth float64) float64 { return growth / 1000 / float64(n) }
	return cost{each(p.resident() - resident), each(used(ctx, p) - live)}, nil
}

// used is the bytes of heap and stacks that a service says it uses; 0 for the
// baseline, which says nothing.
func used(ctx context.Context, p *process) float64 {
	heap, err := metric(ctx, p, "go_memstats_heap_inuse_bytes", "")
	if err != nil {
		return 0
	}
	stacks, err := metric(ctx, p, "go_memstats_stack_inuse_bytes", "")
	if err != nil {
		return 0
	}
	return heap + stacks
}

// idleCPU watches a node over a minute in which nothing happens but pings. A
// Kafka is there, as in production: asking in vain for one costs more.
func idleCPU(ctx context.Context, l *lab) ([]row, error) {
	if !l.quick {
		if _, err := l.kafkaAddr(ctx); err != nil {
			return nil, err
		}
	}
	nodes, err := both(
		func() (*process, error) { return l.node(ctx) },
		func() (*process, error) { return l.bareNode(ctx) },
	)
	if err != nil {
		return nil, err
	}
	defer nodes.stop()
	n := l.size(1000, 100)
	users, err := l.people(2 * n)
	if err != nil {
		return nil, err
	}
	atOurs, err := gather(ctx, nodes.ours, users[:n], 100, 0)
	if err != nil {
		return nil, err
	}
	defer atOurs.leave()
	atBare, err := gather(ctx, nodes.bare, users[n:], 100, 0)
	if err != nil {
		return nil, err
	}
	defer atBare.leave()
	if err := pause(ctx, time.Duration(l.size(5000, 100))*time.Millisecond); err != nil {
		return nil, err
	}
	ours, bare, began := nodes.ours.cpu(), nodes.bare.cpu(), time.Now()
	if err := pause(ctx, time.Duration(l.size(60, 1))*time.Second); err != nil {
		return nil, err
	}
	share := func(p *process, before float64) float64 {
		return (p.cpu() - before) / time.Since(began).Seconds() * 100
	}
	r := single(fmt.Sprintf("%% of a core with %d idle sockets", n), share(nodes.ours, ours)).atMost(0.2)
	idle := share(nodes.bare, bare)
	r.Bare = &idle
	return []row{r}, nil
}
