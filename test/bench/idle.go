package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// idleMemory connects sockets to a new node in steps and reads the memory after
// each step. It reports the average per socket, which includes the memory of the
// handshakes, and the cost of each additional socket, which shows whether the
// memory grows linearly.
func idleMemory(ctx context.Context, l *runner) ([]row, error) {
	numbers, err := l.steps()
	if err != nil {
		return nil, err
	}
	ours, err := l.idleCosts(ctx, numbers, l.largeNode(numbers[len(numbers)-1]))
	if err != nil {
		return nil, err
	}
	bare, err := l.idleCosts(ctx, numbers, l.startBareNode)
	if err != nil {
		return nil, err
	}
	var rows []row
	var further []float64
	for i, n := range numbers {
		var average, each series
		average.add(ours[i].resident, bare[i].resident)
		r := average.row(fmt.Sprintf("KB resident per idle socket, %d of them", n))
		if n >= 10000 { // with fewer sockets the fixed memory of the node dominates
			met := r.Ours <= 17
			r.Target, r.Met = "≤ 17 KB", &met
		}
		rows = append(rows, r, single(fmt.Sprintf("KB of heap and stack per idle socket, %d of them", n), ours[i].live))
		if i > 0 {
			each.add(ours[i].additional, bare[i].additional)
			rows = append(rows, each.row(fmt.Sprintf("KB resident per additional socket, %d to %d", numbers[i-1], n)))
			further = append(further, ours[i].additional)
		}
	}
	return append(rows, single("highest to lowest cost per additional socket",
		quantile(further, 1)/max(quantile(further, 0), 0.001)).atMost(1.3)), nil
}

// reservedFiles is the number of open files that each process needs in addition to its sockets.
const reservedFiles = 500

// steps returns the numbers of sockets to measure, limited by the number of open files.
func (l *runner) steps() ([]int, error) {
	if l.quick {
		return []int{l.sockets / 4, l.sockets / 2, l.sockets}, nil
	}
	files, err := openFiles()
	if err != nil {
		return nil, err
	}
	numbers := slices.DeleteFunc([]int{1000, 5000, 10000, 18000}, func(n int) bool { return n > 1000 && float64(files) < float64(n+reservedFiles) })
	if len(numbers) < 4 {
		l.logf("the limit of %d open files allows %d sockets", files, numbers[len(numbers)-1])
	}
	return numbers, nil
}

// socketCost is in kilobytes per socket: live is heap and stack; further is per additional socket.
type socketCost struct{ resident, live, additional float64 }

func (l *runner) idleCosts(ctx context.Context, numbers []int, start starter) ([]socketCost, error) {
	most := numbers[len(numbers)-1]
	p, err := start(ctx)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	users, err := l.newUsers(most + 10)
	if err != nil {
		return nil, err
	}
	// The first sockets allocate memory that all sockets share.
	first, err := connectAll(ctx, p, users[most:], 10, 0)
	if err != nil {
		return nil, err
	}
	defer first.close()
	var crowds []*clientGroup
	defer func() {
		for _, c := range crowds {
			c.close()
		}
	}()
	var costs []socketCost
	empty, live := p.resident(), heapAndStack(ctx, p)
	before, there := empty, 0
	for _, n := range numbers {
		c, err := connectAll(ctx, p, users[there:n], 100, 0)
		if err != nil {
			return nil, err
		}
		crowds = append(crowds, c)
		if err := pause(ctx, time.Duration(l.size(5000, 300))*time.Millisecond); err != nil {
			return nil, err
		}
		now := p.resident()
		each := func(growth float64, n int) float64 { return growth / 1000 / float64(n) }
		costs = append(costs, socketCost{each(now-empty, n), each(heapAndStack(ctx, p)-live, n), each(now-before, n-there)})
		before, there = now, n
	}
	return costs, nil
}

// heapAndStack returns the heap and stack in use, in bytes, from the metrics of a service.
// It returns 0 for the baseline, which has no metrics.
func heapAndStack(ctx context.Context, p *process) float64 {
	heap, err := p.metric(ctx, "go_memstats_heap_inuse_bytes")
	if err != nil {
		return 0
	}
	stacks, err := p.metric(ctx, "go_memstats_stack_inuse_bytes")
	if err != nil {
		return 0
	}
	return heap + stacks
}

// idleCPU measures a node for one minute with no traffic except pings. Kafka is
// running, because retries of an unreachable Kafka would cost more CPU.
func idleCPU(ctx context.Context, l *runner) ([]row, error) {
	if !l.quick {
		if _, err := l.kafkaAddr(ctx); err != nil {
			return nil, err
		}
	}
	nodes, err := startBoth(
		func() (*process, error) { return l.startNode(ctx) },
		func() (*process, error) { return l.startBareNode(ctx) },
	)
	if err != nil {
		return nil, err
	}
	defer nodes.stop()
	n := l.size(1000, 100)
	users, err := l.newUsers(2 * n)
	if err != nil {
		return nil, err
	}
	atOurs, err := connectAll(ctx, nodes.ours, users[:n], 100, 0)
	if err != nil {
		return nil, err
	}
	defer atOurs.close()
	atBare, err := connectAll(ctx, nodes.bare, users[n:], 100, 0)
	if err != nil {
		return nil, err
	}
	defer atBare.close()
	if err := pause(ctx, time.Duration(l.size(5000, 100))*time.Millisecond); err != nil {
		return nil, err
	}
	ours, bare, startedAt := nodes.ours.cpu(), nodes.bare.cpu(), time.Now()
	if err := pause(ctx, time.Duration(l.size(60, 1))*time.Second); err != nil {
		return nil, err
	}
	share := func(p *process, before float64) float64 {
		return (p.cpu() - before) / time.Since(startedAt).Seconds() * 100
	}
	r := single(fmt.Sprintf("%% of a core with %d idle sockets", n), share(nodes.ours, ours)).atMost(1)
	idle := share(nodes.bare, bare)
	r.Bare = &idle
	return []row{r}, nil
}
