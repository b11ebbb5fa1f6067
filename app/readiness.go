package app

import (
	"context"
	"sync/atomic"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Phase is the phase of a process.
type Phase int32

// A process passes through the phases in this order.
const (
	// Starting is the phase before the process serves. The node is not ready.
	Starting Phase = iota
	// Serving is the phase in which the process serves. The node is ready if its components are
	// healthy.
	Serving
	// Draining is the phase in which the process stops. The node is not ready, finishes its
	// requests and closes its connections.
	Draining
)

// Readiness decides whether this node should get traffic.
type Readiness struct {
	phase atomic.Int32
	// local are components of this node. If one is unhealthy, the node is not ready.
	local []ports.HealthProbe
	// shared are dependencies of all nodes. They do not change readiness, because
	// otherwise an outage would make every node unready.
	shared []ports.HealthProbe
}

// NewReadiness returns the readiness of a node in phase Starting. local are components
// of this node, shared are dependencies of all nodes.
func NewReadiness(local, shared []ports.HealthProbe) *Readiness {
	return &Readiness{local: local, shared: shared}
}

// Enter moves the node to a phase.
func (r *Readiness) Enter(p Phase) { r.phase.Store(int32(p)) }

// Draining reports whether the node drains.
func (r *Readiness) Draining() bool { return Phase(r.phase.Load()) == Draining }

// ReadinessReport is the readiness of a node in detail.
type ReadinessReport struct {
	// Ready reports whether the node should get traffic.
	Ready bool
	// Phase is the phase of the process.
	Phase Phase
	// Dependencies are the dependencies, those of this node first.
	Dependencies []domain.Health
}

// Check queries every probe.
func (r *Readiness) Check(ctx context.Context) ReadinessReport {
	report := ReadinessReport{Phase: Phase(r.phase.Load())}
	report.Ready = report.Phase == Serving
	for _, p := range r.local {
		h := p.Health(ctx)
		report.Ready = report.Ready && h.Condition != domain.Unhealthy
		report.Dependencies = append(report.Dependencies, h)
	}
	for _, p := range r.shared {
		report.Dependencies = append(report.Dependencies, p.Health(ctx))
	}
	return report
}
