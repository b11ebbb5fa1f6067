package httpclient

import (
	"github.com/huleedu/edge/adapters/httpclient/transport"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

var (
	_ ports.CircuitReporter = (*PlatformClient)(nil)
	_ ports.CircuitReporter = (*Forwarder)(nil)
)

// Circuits returns the state of the aggregator and, if one is configured, of the orchestrator.
func (b *PlatformClient) Circuits() []domain.CircuitReport {
	services := b.services()
	out := make([]domain.CircuitReport, 0, len(services))
	for _, s := range services {
		out = append(out, s.guard.reportOn(s.pool))
	}
	return out
}

// Circuits returns the state of the service.
func (f *Forwarder) Circuits() []domain.CircuitReport {
	f.mu.Lock()
	defer f.mu.Unlock()
	pools := make([]*transport.Pool, 0, len(f.pools))
	for _, p := range f.pools {
		pools = append(pools, p)
	}
	return []domain.CircuitReport{f.reportOn(pools...)}
}

// reportOn returns the state of the service with these connections. A half-open circuit
// reports the failures that opened it.
func (g *guard) reportOn(pools ...*transport.Pool) domain.CircuitReport {
	r := domain.CircuitReport{Service: g.service, State: g.circuit.state(), InFlight: g.bulkhead.inFlight()}
	r.Failures = int(g.circuit.breaker.Counts().ConsecutiveFailures)
	if r.State != domain.CircuitStateClosed {
		r.Failures = int(g.circuit.openedBy.Load())
	}
	for _, p := range pools {
		r.IdleConnections += p.Idle()
	}
	return r
}
