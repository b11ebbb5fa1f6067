package contract

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

// origin checks that an entry published in a sampled trace returns that trace, with its
// state and as a local parent, and that other entries return no trace.
func (h LogHarness) origin(t *testing.T) {
	rig, user := h.New(t, 256), freshUser()
	state, err := trace.ParseTraceState("vendor=1,other=2")
	require.NoError(t, err)
	recorded := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1, 2}, SpanID: trace.SpanID{3, 4}, TraceFlags: trace.FlagsSampled, TraceState: state,
	})
	at := rig.publishWithin(trace.ContextWithSpanContext(t.Context(), recorded), t, user)
	require.Equal(t, recorded, rig.originOf(t, user, at))

	for name, at := range map[string]domain.Position{
		"not sampled":   rig.publishWithin(trace.ContextWithSpanContext(t.Context(), recorded.WithTraceFlags(0)), t, user),
		"no trace":      rig.publishWithin(t.Context(), t, user),
		"unknown entry": "1-1",
	} {
		require.False(t, rig.originOf(t, user, at).IsValid(), name)
	}
	require.False(t, rig.originOf(t, freshUser(), at).IsValid(), "entry of another user")
}

func (r LogRig) publishWithin(ctx context.Context, t testing.TB, user domain.UserID) domain.Position {
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
