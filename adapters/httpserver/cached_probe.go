package httpserver

import (
	"context"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// probeTTL is how long a probe's result is reused.
const probeTTL = time.Second

// cachedProbe reuses the result of a health probe for probeTTL. Concurrent callers
// wait for one probe.
type cachedProbe struct {
	probe     ports.HealthProbe
	mu        sync.Mutex
	last      domain.Health
	checkedAt time.Time
}

// Health returns a result that is at most probeAge old. A caller that leaves
// does not end the question, because others wait for its answer too; the probe
// bounds it.
func (p *cachedProbe) Health(ctx context.Context) domain.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.checkedAt.IsZero() || time.Since(p.checkedAt) >= probeTTL {
		p.last = p.probe.Health(context.WithoutCancel(ctx))
		p.checkedAt = time.Now()
	}
	return p.last
}
