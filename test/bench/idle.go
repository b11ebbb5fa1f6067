package main

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"
)

// idleMemory fills a fresh node step by step and reads what the sockets cost
// while nothing happens: all of them on average, with whatever the process took
// to get there, and each further one, which is what shows whether cost is linear.
func idleMemory(ctx context.Context, l *lab) ([]row, error) {
	numbers, err := l.steps()
	if err != nil {
		return nil, err
	}
	ours, err := l.idleCosts(ctx, numbers, l.roomyNode)
	if err != nil {
		return nil, err
	}
	bare, err := l.idleCosts(ctx, numbers, func(ctx context.Context, _ int) (*process, error) { return l.bareNode(ctx) })
	if err != nil {
		return nil, err
	}
	var rows []row
	var further []float64
	for i, n := range numbers {
		var average, each series
		average.add(ours[i].resident, bare[i].resident)
		r := average.row(fmt.Sprintf("KB resident per idle socket, %d of them", n))
		if n >= 10000 { // a smaller node's share in what all need is no socket's cost
			met := r.Ours <= 17
			r.Target, r.Met = "≤ 17 KB", &met
		}
		rows = append(rows, r, single(fmt.Sprintf("KB of heap and stacks per idle socket, %d of them", n), ours[i].live))
		if i > 0 {
			each.add(ours[i].further, bare[i].further)
			rows = append(rows, each.row(fmt.Sprintf("KB resident for each further socket, %d to %d", numbers[i-1], n)))
			further = append(further, ours[i].further)
		}
	}
	return append(rows, single("dearest step to the cheapest, per further socket",
		quantile(further, 1)/max(quantile(further, 0), 0.001)).atMost(1.1)), nil
}

// spareFiles is what each end needs beside its sockets.
const spareFiles = 500

// steps are the numbers of sockets that show whether cost is linear, as far as
// open files allow.
func (l *lab) steps() ([]int, error) {
	if l.quick {
		return []int{l.sockets / 4, l.sockets / 2, l.sockets}, nil
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return nil, err
	}
	numbers := slices.DeleteFunc([]int{1000, 5000, 10000, 18000}, func(n int) bool { return n > 1000 && float64(files.Cur) < float64(n+spareFiles) })
	if len(numbers) < 4 {
		l.say("%d open files: no more than %d sockets", files.Cur, numbers[len(numbers)-1])
	}
	return numbers, nil
}

// cost is kilobytes per socket: of all on average, and of those that a step adds.
type cost struct{ resident, live, further float64 }

func (l *lab) idleCosts(ctx context.Context, numbers []int, start func(context.Context, int) (*process, error)) ([]cost, error) {
	most := numbers[len(numbers)-1]
	p, err := start(ctx, most)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	users, err := l.people(most + 10)
	if err != nil {
		return nil, err
	}
	// The first sockets pay for what all share.
	first, err := gather(ctx, p, users[most:], 10, 0)
	if err != nil {
		return nil, err
	}
	defer first.leave()
	var crowds []*crowd
	defer func() {
		for _, c := range crowds {
			c.leave()
		}
	}()
	var costs []cost
	empty, live := p.resident(), used(ctx, p)
	before, there := empty, 0
	for _, n := range numbers {
		c, err := gather(ctx, p, users[there:n], 100, 0)
		if err != nil {
			return nil, err
		}
		crowds = append(crowds, c)
		if err := pause(ctx, time.Duration(l.size(5000, 300))*time.Millisecond); err != nil {
			return nil, err
		}
		now := p.resident()
		each := func(growth float64, n int) float64 { return growth / 1000 / float64(n) }
		costs = append(costs, cost{each(now-empty, n), each(used(ctx, p)-live, n), each(now-before, n-there)})
		before, there = now, n
	}
	return costs, nil
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
