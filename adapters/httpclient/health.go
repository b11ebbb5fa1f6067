package httpclient

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/huleedu/edge/adapters/httpclient/transport"
	"github.com/huleedu/edge/domain"
)

const (
	// healthTimeout bounds the health check of a service.
	healthTimeout = time.Second
	// healthTTL is how long a result is cached, so that many health requests cause no load on
	// the services.
	healthTTL = time.Second
)

// healthCache holds the last result of the health checks.
type healthCache struct {
	mu        sync.Mutex
	checkedAt time.Time
	last      domain.Health
}

// Health checks the services: healthy when all respond, degraded when some do, unhealthy when
// none does. The result is at most a second old.
func (b *PlatformClient) Health(ctx context.Context) domain.Health {
	p := &b.healthCache
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.checkedAt.IsZero() || time.Since(p.checkedAt) > healthTTL {
		// A caller that leaves must not make the services look unhealthy to others.
		p.last, p.checkedAt = b.checkAll(context.WithoutCancel(ctx)), time.Now()
	}
	return p.last
}

// checkAll checks all services concurrently.
func (b *PlatformClient) checkAll(ctx context.Context) domain.Health {
	services := b.services()
	failures := make([]error, len(services))
	var all sync.WaitGroup
	for i, s := range services {
		all.Go(func() {
			failures[i] = s.checkHealth(ctx)
			s.guard.circuit.reportHealth(failures[i])
		})
	}
	all.Wait()
	h := domain.Health{Name: "downstream_services", Condition: domain.Healthy, Note: "All services answer"}
	var away []string
	for i, err := range failures {
		if err != nil {
			away, h.Err = append(away, services[i].name), err
		}
	}
	if len(away) > 0 {
		h.Note = "No answer from " + strings.Join(away, ", ")
		h.Condition = domain.Degraded
	}
	if len(away) == len(services) {
		h.Condition = domain.Unhealthy
	}
	return withCircuits(h, services)
}

// withCircuits adds the services with an open circuit to the note, also those that respond to
// the health check.
func withCircuits(h domain.Health, services []*service) domain.Health {
	var open []string
	for _, s := range services {
		if s.guard.circuit.state() != domain.CircuitStateClosed {
			open = append(open, s.name)
		}
	}
	if len(open) == 0 {
		return h
	}
	note := "Circuit open: " + strings.Join(open, ", ")
	if h.Condition == domain.Healthy {
		h.Condition, h.Note, h.Err = domain.Degraded, note, errUnhealthy
		return h
	}
	h.Note += "; " + note
	return h
}

// checkHealth requests the service's health page without a user's identity. Any response
// below 500 is healthy. It bypasses the guard: it takes no slot and opens no circuit.
func (s *service) checkHealth(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base.String()+"/healthz", http.NoBody)
	if err != nil {
		return domain.Unknown(err)
	}
	req.Header.Set("User-Agent", serviceID)
	res, err := s.pool.RoundTrip(req, transport.Options{Deadline: time.Now().Add(healthTimeout)})
	if err != nil {
		return domain.Unreachable(s.name, err)
	}
	defer func() { _ = res.Body.Close() }()
	discard(res)
	if res.StatusCode >= http.StatusInternalServerError {
		return domain.External(s.name, res.StatusCode)
	}
	return nil
}
