package diagnose

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/domain"
)

// keysPollInterval is the time between two looks whether the key set has arrived.
const keysPollInterval = 20 * time.Millisecond

// silentObserver ignores all facts: the tool has no metrics.
type silentObserver struct{}

// Observe does nothing.
func (silentObserver) Observe(domain.Fact) {}

// withValidator calls do with the services' validator, once its keys are loaded or cannot be
// loaded, and with the health of the keys.
func withValidator(ctx context.Context, c jwt.Config, do func(*jwt.Validator, domain.Health) error) error {
	v, err := jwt.New(c, silentObserver{}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { _ = v.Run(running) }) // returns nil
	defer group.Wait()
	defer cancel()
	return do(v, awaitKeys(ctx, v, c.JWKSTimeout))
}

// awaitKeys waits until the keys are loaded, at most for the time limit.
func awaitKeys(ctx context.Context, v *jwt.Validator, limit time.Duration) domain.Health {
	ticker := time.NewTicker(keysPollInterval)
	defer ticker.Stop()
	deadline := time.Now().Add(limit)
	for {
		h := v.Health(ctx)
		if h.Condition == domain.Healthy || ctx.Err() != nil || time.Now().After(deadline) {
			return h
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}
