package main

import (
	"context"
	"fmt"
	"time"
)

// messageSize is the size of a usual notification, in bytes.
const messageSize = 256

// fanoutEnv contains the node and its baseline with one group of clients each, and the
// publisher. The groups have different users, so that a message reaches one side.
type fanoutEnv struct {
	publisher *redisPublisher
	groups    []*clientGroup // of the node, then of the baseline
	nodes     pair
	phase     int64
}

// newFanoutEnv starts a node and the other server and connects the clients. The caller must call close.
func (l *runner) newFanoutEnv(ctx context.Context, other starter) (*fanoutEnv, error) {
	nodes, err := startBoth(
		func() (*process, error) { return l.startNode(ctx) },
		func() (*process, error) { return other(ctx) },
	)
	if err != nil {
		return nil, err
	}
	s := &fanoutEnv{nodes: nodes}
	for _, p := range []*process{nodes.ours, nodes.bare} {
		users, err := l.newUsers(l.users)
		if err != nil {
			s.close()
			return nil, err
		}
		c, err := connectAll(ctx, p, users, 100, 0)
		if err != nil {
			s.close()
			return nil, err
		}
		s.groups = append(s.groups, c)
	}
	if s.publisher, err = newRedisPublisher(ctx, l.redis); err != nil {
		s.close()
		return nil, err
	}
	// The other server subscribes to Redis after the handshake.
	if err := pause(ctx, time.Second); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *fanoutEnv) close() {
	for _, c := range s.groups {
		c.close()
	}
	if s.publisher != nil {
		s.publisher.close()
	}
	s.nodes.stop()
}

// phaseResult is the result of one phase.
type phaseResult struct {
	cpu       float64
	latencies []float64 // milliseconds from publishing to the client
	errors    deliveryErrors
	arrived   int
	seconds   float64
}

func (d phaseResult) perCPU() float64 { return float64(d.arrived) / max(d.cpu, 0.01) }

// run publishes a plan to one group of clients and waits for the messages.
func (s *fanoutEnv) run(ctx context.Context, c *clientGroup, p publishPlan) (phaseResult, error) {
	s.phase++
	p.phase, p.protocol = s.phase, c.server.protocol
	c.startPhase(p.phase)
	before, startedAt := c.server.cpu(), time.Now()
	if err := s.publisher.publish(ctx, c, p); err != nil {
		return phaseResult{}, err
	}
	if err := c.awaitArrivals(ctx, int64(p.each*len(p.listeners))); err != nil {
		return phaseResult{}, err
	}
	d := phaseResult{cpu: c.server.cpu() - before, seconds: time.Since(startedAt).Seconds()}
	d.latencies, d.errors = c.results(p.phase, p.listeners, p.each)
	d.arrived = len(d.latencies)
	return d, nil
}

// fanout compares deliveries with those of the bare node.
func fanout(ctx context.Context, l *runner) ([]row, error) {
	rows, err := l.fanoutBeside(ctx, l.startBareNode)
	if err != nil {
		return nil, err
	}
	rows[0], rows[3] = rows[0].atLeast(0.8), rows[3].atMost(1.5)
	return rows, nil
}

// fanoutBeside publishes at full speed, then at a fixed rate, to a node and to the other server in turn.
func (l *runner) fanoutBeside(ctx context.Context, other starter) ([]row, error) {
	s, err := l.newFanoutEnv(ctx, other)
	if err != nil {
		return nil, err
	}
	defer s.close()
	const rate = 5000.0
	var perCPU, perSecond, p50, p99 series
	var wrong [2]deliveryErrors
	for round := -1; round < l.rounds; round++ {
		var full, steady [2]phaseResult
		for i, c := range s.groups {
			full[i], err = s.run(ctx, c, publishPlan{listeners: c.clients, each: l.size(150, 40), size: messageSize, window: 1000})
			if err != nil {
				return nil, err
			}
		}
		for i, c := range s.groups {
			each := max(1, int(rate*l.span.Seconds()*2)/len(c.clients))
			if steady[i], err = s.run(ctx, c, publishPlan{listeners: c.clients, each: each, size: messageSize, rate: rate}); err != nil {
				return nil, err
			}
		}
		for i := range wrong {
			wrong[i].add(full[i].errors)
			wrong[i].add(steady[i].errors)
		}
		if round < 0 {
			continue // warm-up round: only its errors count
		}
		perCPU.add(full[0].perCPU(), full[1].perCPU())
		perSecond.add(float64(full[0].arrived)/full[0].seconds, float64(full[1].arrived)/full[1].seconds)
		p50.add(median(steady[0].latencies), median(steady[1].latencies))
		p99.add(quantile(steady[0].latencies, .99), quantile(steady[1].latencies, .99))
	}
	return append([]row{
		perCPU.row(fmt.Sprintf("deliveries per CPU second, %d users", l.users)),
		perSecond.row("deliveries per second"),
		p50.row("p50 at 5,000 messages a second, ms"),
		p99.row("p99 at 5,000 messages a second, ms"),
		single("sockets that closed", float64(s.groups[0].lost.Load())).atMost(0),
	}, wrong[0].rowsBeside(wrong[1])...), nil
}

func (w *deliveryErrors) add(o deliveryErrors) {
	w.lost += o.lost
	w.duplicated += o.duplicated
	w.reordered += o.reordered
}

// rowsBeside returns the rows with the errors of the other server beside them.
func (w *deliveryErrors) rowsBeside(other deliveryErrors) []row {
	rows := w.rows()
	for i, r := range other.rows() {
		rows[i].Bare = &r.Ours
	}
	return rows
}

func (w *deliveryErrors) rows() []row {
	return []row{
		single("messages lost", float64(w.lost)).atMost(0),
		single("messages duplicated", float64(w.duplicated)).atMost(0),
		single("messages out of order", float64(w.reordered)).atMost(0),
	}
}
