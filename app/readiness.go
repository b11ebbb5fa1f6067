package app

import (
	"context"
	"sync/atomic"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Phase is where a process stands in its life.
type Phase int32

// The phases, in order.
const (
	Starting Phase = iota
	Serving
	Draining
)

// Readiness answers whether this node should get traffic.
type Readiness struct {
	phase atomic.Int32
	// local are parts of this node: one that is unhealthy takes the node out.
	local []ports.HealthProbe
	// shared are dependencies that all nodes share: one that is away must not
	// take every node out.
	shared []ports.HealthProbe
}

// NewReadiness returns a node's readiness, in the starting phase. own are this
// node's own parts, others what all nodes share.
func NewReadiness(own, others []ports.HealthProbe) *Readiness {
	return &Readiness{local: own, shared: others}
}

// Enter moves the node to a phase.
func (r *Readiness) Enter(p Phase) { r.phase.Store(int32(p)) }

// Draining reports whether the node is on its way out.
func (r *Readiness) Draining() bool { return Phase(r.phase.Load()) == Draining }

// Report is a node's readiness in detail.
type Report struct {
	// Ready says whether the node should get traffic.
	Ready bool
	// Phase is where the process stands.
	Phase Phase
	// Parts are the dependencies, own ones first.
	Parts []domain.Health
}

// Check asks every part.
func (r *Readiness) Check(ctx context.Context) Report {
	report := Report{Phase: Phase(r.phase.Load())}
	report.Ready = report.Phase == Serving
	for _, p := range r.local {
		h := p.Health(ctx)
		report.Ready = report.Ready && h.Condition != domain.Unhealthy
		report.Parts = append(report.Parts, h)
	}
	for _, p := range r.shared {
		report.Parts = append(report.Parts, p.Health(ctx))
	}
	return report
}
