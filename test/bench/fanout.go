package main

import (
	"context"
	"fmt"
	"time"
)

// messageSize is that of a usual notification, in bytes.
const messageSize = 256

// stage is ours and the baseline with a crowd each, and who publishes to them.
// The crowds hold other users, so that a message concerns one side only.
type stage struct {
	herald *herald
	crowds []*crowd // ours, then the baseline's
	nodes  pair
	phase  int64
}

// newStage fills both nodes; close is owed.
func (l *lab) newStage(ctx context.Context) (*stage, error) {
	nodes, err := both(
		func() (*process, error) { return l.node(ctx) },
		func() (*process, error) { return l.bareNode(ctx) },
	)
	if err != nil {
		return nil, err
	}
	s := &stage{nodes: nodes}
	for _, p := range []*process{nodes.ours, nodes.bare} {
		users, err := l.people(l.users)
		if err != nil {
			s.close()
			return nil, err
		}
		c, err := gather(ctx, p, users, 100, 0)
		if err != nil {
			s.close()
			return nil, err
		}
		s.crowds = append(s.crowds, c)
	}
	if s.herald, err = newHerald(ctx, l.redis); err != nil {
		s.close()
		return nil, err
	}
	// The baseline subscribes after its handshake.
	if err := pause(ctx, time.Second); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *stage) close() {
	for _, c := range s.crowds {
		c.leave()
	}
	if s.herald != nil {
		s.herald.close()
	}
	s.nodes.stop()
}

// delivery is what one phase came to.
type delivery struct {
	cpu     float64
	took    []float64 // milliseconds from publishing to the client
	wrong   wrongs
	arrived int
	seconds float64
}

func (d delivery) perCPU() float64 { return float64(d.arrived) / max(d.cpu, 0.01) }

// run carries a plan out on one crowd.
func (s *stage) run(ctx context.Context, c *crowd, p plan) (delivery, error) {
	s.phase++
	p.phase = s.phase
	c.begin(p.phase)
	before, began := c.server.cpu(), time.Now()
	if err := s.herald.publish(ctx, c, p); err != nil {
		return delivery{}, err
	}
	if err := c.settle(ctx, int64(p.each*len(p.listeners))); err != nil {
		return delivery{}, err
	}
	d := delivery{cpu: c.server.cpu() - before, seconds: time.Since(began).Seconds()}
	d.took, d.wrong = c.count(p.phase, p.listeners, p.each)
	d.arrived = len(d.took)
	return d, nil
}

// fanout publishes at full speed, then at a steady rate.
func fanout(ctx context.Context, l *lab) ([]row, error) {
	s, err := l.newStage(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	const rate = 5000.0
	var perCPU, perSecond, p50, p99 series
	var wrong wrongs
	for round := -1; round < l.rounds; round++ {
		var full, steady [2]delivery
		for i, c := range s.crowds {
			full[i], err = s.run(ctx, c, plan{listeners: c.members, each: l.size(150, 40), size: messageSize, window: 1000})
			if err != nil {
				return nil, err
			}
		}
		for i, c := range s.crowds {
			each := max(1, int(rate*l.span.Seconds()*2)/len(c.members))
			if steady[i], err = s.run(ctx, c, plan{listeners: c.members, each: each, size: messageSize, rate: rate}); err != nil {
				return nil, err
			}
		}
		wrong.add(full[0].wrong)
		wrong.add(steady[0].wrong)
		if round < 0 {
			continue // warming up; losses count all the same
		}
		perCPU.add(full[0].perCPU(), full[1].perCPU())
		perSecond.add(float64(full[0].arrived)/full[0].seconds, float64(full[1].arrived)/full[1].seconds)
		p50.add(median(steady[0].took), median(steady[1].took))
		p99.add(quantile(steady[0].took, .99), quantile(steady[1].took, .99))
	}
	return append([]row{
		perCPU.row(fmt.Sprintf("deliveries per CPU second, %d users", l.users)).atLeast(0.8),
		perSecond.row("deliveries per second"),
		p50.row("p50 at 5,000 messages a second, ms"),
		p99.row("p99 at 5,000 messages a second, ms").atMost(1.5),
		single("sockets that ended", float64(s.crowds[0].lost.Load())).atMost(0),
	}, wrong.rows()...), nil
}

func (w *wrongs) add(o wrongs) {
	w.lost += o.lost
	w.doubled += o.doubled
	w.disordered += o.disordered
}

func (w *wrongs) rows() []row {
	return []row{
		single("messages lost", float64(w.lost)).atMost(0),
		single("messages doubled", float64(w.doubled)).atMost(0),
		single("messages out of order", float64(w.disordered)).atMost(0),
	}
}
