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

func TestReadinessFollowsPhaseAndOwnParts(t *testing.T) {
	well := probe{Name: "subscription", Condition: domain.Healthy}
	limping := probe{Name: "subscription", Condition: domain.Degraded}
	dead := probe{Name: "subscription", Condition: domain.Unhealthy}
	away := probe{Name: "kafka", Condition: domain.Unhealthy}

	r := app.NewReadiness([]ports.HealthProbe{well, limping}, []ports.HealthProbe{away})
	require.False(t, r.Check(context.Background()).Ready, "starting")
	r.Enter(app.Serving)
	report := r.Check(context.Background())
	require.True(t, report.Ready, "a shared dependency takes no node out")
	require.Equal(t, []domain.Health{domain.Health(well), domain.Health(limping), domain.Health(away)}, report.Dependencies)
	require.False(t, r.Draining())
	r.Enter(app.Draining)
	require.True(t, r.Draining())
	require.False(t, r.Check(context.Background()).Ready, "draining")

	r = app.NewReadiness([]ports.HealthProbe{dead}, nil)
	r.Enter(app.Serving)
	require.False(t, r.Check(context.Background()).Ready, "an own part is dead")
}
