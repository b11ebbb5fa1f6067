package httpserver

import (
	"context"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// probeAge is how long the result of a probe is reused.
const probeAge = time.Second

// recentProbe asks a dependency at most once in probeAge, however many clients
// ask for the result. Callers that come while it asks wait for that answer.
type recentProbe struct {
	probe ports.HealthProbe
	mu    sync.Mutex
	last  domain.Health
	asked time.Time
}

// Health returns a result that is at most probeAge old. A caller that leaves
// does not end the question, because others wait for its answer too; the probe
// bounds it.
func (p *recentProbe) Health(ctx context.Context) domain.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked.IsZero() || time.Since(p.asked) >= probeAge {
		p.last = p.probe.Health(context.WithoutCancel(ctx))
		p.asked = time.Now()
	}
	return p.last
}
