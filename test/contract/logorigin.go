package contract

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

// origin: what was kept within a recorded trace leads back to it, with its
// state and as a trace of our own; what was not leads nowhere.
func (h LogHarness) origin(t *testing.T) {
	rig, user := h.New(t, 256), freshUser()
	state, err := trace.ParseTraceState("vendor=1,other=2")
	require.NoError(t, err)
	recorded := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1, 2}, SpanID: trace.SpanID{3, 4}, TraceFlags: trace.FlagsSampled, TraceState: state,
	})
	at := rig.keepWithin(trace.ContextWithSpanContext(t.Context(), recorded), t, user)
	require.Equal(t, recorded, rig.originOf(t, user, at))

	for name, at := range map[string]domain.Position{
		"nobody records it": rig.keepWithin(trace.ContextWithSpanContext(t.Context(), recorded.WithTraceFlags(0)), t, user),
		"no trace":          rig.keepWithin(t.Context(), t, user),
		"gone":              "1-1",
	} {
		require.False(t, rig.originOf(t, user, at).IsValid(), name)
	}
	require.False(t, rig.originOf(t, freshUser(), at).IsValid(), "another user's")
}

func (r LogRig) keepWithin(ctx context.Context, t testing.TB, user domain.UserID) domain.Position {
	t.Helper()
	got, err := r.Publisher.Publish(ctx, sampleNotification(user))
	require.NoError(t, err)
	return domain.Position(got.ID)
}

func (r LogRig) originOf(t testing.TB, user domain.UserID, at domain.Position) trace.SpanContext {
	t.Helper()
	ctx, err := r.Log.Origin(t.Context(), user, at)
	require.NoError(t, err)
	return trace.SpanContextFromContext(ctx)
}
