package app_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// door notes, in order, what the quota and the listener were told.
type door struct {
	steps []string
	full  error
	deaf  error
}

func (d *door) Acquire(_ context.Context, u domain.UserID, s string) error {
	d.steps = append(d.steps, "acquire "+string(u)+" "+s)
	return d.full
}

func (d *door) Release(u domain.UserID, s string) {
	d.steps = append(d.steps, "release "+string(u)+" "+s)
}

func (d *door) Reclaim(_ context.Context, u domain.UserID) {
	d.steps = append(d.steps, "reclaim "+string(u))
}

func (d *door) Follow(_ context.Context, u domain.UserID) error {
	d.steps = append(d.steps, "follow "+string(u))
	return d.deaf
}

func (d *door) Unfollow(u domain.UserID) { d.steps = append(d.steps, "unfollow "+string(u)) }

func (d *door) Run(context.Context, ports.MessageHandler) error { return nil }

func TestAdmitAndDismissMirrorEachOther(t *testing.T) {
	d := &door{}
	s := app.NewSessions(d, d)
	caller := domain.Caller{User: "u1"}
	require.NoError(t, s.Admit(context.Background(), caller, "s1"))
	s.Dismiss(caller, "s1")
	require.Equal(t, []string{"acquire u1 s1", "follow u1", "unfollow u1", "release u1 s1"}, d.steps)
}

func TestAdmitUndoesItself(t *testing.T) {
	caller := domain.Caller{User: "u1"}
	d := &door{deaf: domain.Unreachable("redis", nil)}
	require.ErrorIs(t, app.NewSessions(d, d).Admit(context.Background(), caller, "s1"), d.deaf)
	require.Equal(t, []string{"acquire u1 s1", "follow u1", "release u1 s1"}, d.steps)

	d = &door{full: domain.TooManyConnections(5)}
	require.ErrorIs(t, app.NewSessions(d, d).Admit(context.Background(), caller, "s1"), d.full)
	require.Equal(t, []string{"acquire u1 s1"}, d.steps)
}

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
