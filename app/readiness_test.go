package app_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// probe is a dependency in a fixed condition.
type probe domain.Health

func (p probe) Health(context.Context) domain.Health { return domain.Health(p) }

func TestReadinessDependsOnPhaseAndOwnDependencies(t *testing.T) {
	healthy := probe{Name: "subscription", Condition: domain.Healthy}
	degraded := probe{Name: "subscription", Condition: domain.Degraded}
	unhealthy := probe{Name: "subscription", Condition: domain.Unhealthy}
	unavailable := probe{Name: "kafka", Condition: domain.Unhealthy}

	r := app.NewReadiness([]ports.HealthProbe{healthy, degraded}, []ports.HealthProbe{unavailable})
	require.False(t, r.Check(context.Background()).Ready, "starting")
	r.Enter(app.Serving)
	report := r.Check(context.Background())
	require.True(t, report.Ready, "a shared dependency does not make a node unready")
	require.Equal(t, []domain.Health{domain.Health(healthy), domain.Health(degraded), domain.Health(unavailable)}, report.Dependencies)
	require.False(t, r.Draining())
	r.Enter(app.Draining)
	require.True(t, r.Draining())
	require.False(t, r.Check(context.Background()).Ready, "draining")

	r = app.NewReadiness([]ports.HealthProbe{unhealthy}, nil)
	r.Enter(app.Serving)
	require.False(t, r.Check(context.Background()).Ready, "an own dependency is unhealthy")
}
