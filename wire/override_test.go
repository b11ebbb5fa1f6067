package wire

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// anyToken accepts every token as the name of its user.
type anyToken struct{}

// Validate returns the token as the user.
func (anyToken) Validate(_ context.Context, token string) (domain.Caller, error) {
	return domain.Caller{User: domain.UserID(token)}, nil
}

// buildLog records which adapters are built.
type buildLog []string

// recorded returns an adapter that records its name.
func recorded[P any](log *buildLog, name string) adapter[P] {
	return func(*lifecycle) (port P, err error) {
		*log = append(*log, name)
		return port, nil
	}
}

// requireAllBuiltExcept requires that every adapter was built once, except that of the
// overridden port.
func (b buildLog) requireAllBuiltExcept(t *testing.T, overridden string, all ...string) {
	t.Helper()
	want := slices.DeleteFunc(all, func(name string) bool { return name == overridden })
	require.Equal(t, want, []string(b), "override of %q", overridden)
	if overridden != "" {
		require.Len(t, b, len(all)-1)
	}
}

func TestGatewayOverrideReplacesOnlyItsPort(t *testing.T) {
	t.Parallel()
	platform := memory.NewPlatform()
	cases := map[string]GatewayOverride{
		"":            {},
		"Observer":    {Observer: &memory.Facts{}},
		"Tracing":     {Tracing: noop.NewTracerProvider()},
		"Tokens":      {Tokens: anyToken{}},
		"Limiter":     {Limiter: memory.NewRateLimiter()},
		"Idempotency": {Idempotency: memory.NewIdempotency()},
		"Registered":  {Registered: memory.NewRegistrations()},
		"Batches":     {Batches: platform},
		"Preflight":   {Preflight: platform},
		"Registry":    {Registry: platform},
		"Commands":    {Commands: platform},
		"Classes":     {Classes: http.DefaultTransport},
		"Teacher":     {Teacher: http.DefaultTransport},
		"Files":       {Files: http.DefaultTransport},
	}
	require.Len(t, cases, 1+reflect.TypeFor[GatewayOverride]().NumField(), "every field has a case")
	for name, o := range cases {
		b, l := buildLog{}, &lifecycle{}
		_, err := gatewayObserver(o, recorded[ports.Observer](&b, "Observer"), l)
		require.NoError(t, err)
		_, err = gatewayTracing(o, recorded[trace.TracerProvider](&b, "Tracing"), l)
		require.NoError(t, err)
		_, err = buildGateway(o, gatewayAdapters{
			recorded[ports.TokenValidator](&b, "Tokens"), recorded[ports.RateLimiter](&b, "Limiter"),
			recorded[ports.Idempotency](&b, "Idempotency"), recorded[ports.BatchRegistrations](&b, "Registered"),
			recorded[ports.BatchStatusClient](&b, "Batches"), recorded[ports.PreflightChecker](&b, "Preflight"),
			recorded[ports.BatchRegistry](&b, "Registry"), recorded[ports.CommandPublisher](&b, "Commands"),
			forwarders{
				recorded[http.RoundTripper](&b, "Classes"), recorded[http.RoundTripper](&b, "Teacher"), recorded[http.RoundTripper](&b, "Files"),
			},
		}, l)
		require.NoError(t, err)
		b.requireAllBuiltExcept(t, name, "Observer", "Tracing", "Tokens", "Limiter", "Idempotency", "Registered",
			"Batches", "Preflight", "Registry", "Commands", "Classes", "Teacher", "Files")
	}
}

func TestWebSocketOverrideReplacesOnlyItsPort(t *testing.T) {
	t.Parallel()
	bus := memory.NewBus()
	cases := map[string]WebSocketOverride{
		"":              {},
		"Observer":      {Observer: &memory.Facts{}},
		"Tracing":       {Tracing: noop.NewTracerProvider()},
		"Tokens":        {Tokens: anyToken{}},
		"Limiter":       {Limiter: memory.NewRateLimiter()},
		"Quota":         {Quota: memory.NewQuota(1)},
		"Listener":      {Listener: bus},
		"Notifications": {Notifications: bus},
		"History":       {History: bus},
		"Consume":       {Consume: consumeNothing},
	}
	require.Len(t, cases, 1+reflect.TypeFor[WebSocketOverride]().NumField(), "every field has a case")
	for name, o := range cases {
		b, l := buildLog{}, &lifecycle{}
		_, err := webSocketObserver(o, recorded[ports.Observer](&b, "Observer"), l)
		require.NoError(t, err)
		_, err = webSocketTracing(o, recorded[trace.TracerProvider](&b, "Tracing"), l)
		require.NoError(t, err)
		_, err = buildWebSocket(o, webSocketAdapters{
			recorded[ports.TokenValidator](&b, "Tokens"), recorded[ports.RateLimiter](&b, "Limiter"),
			recorded[ports.ConnectionQuota](&b, "Quota"), recorded[ports.MessageListener](&b, "Listener"),
			recorded[ports.NotificationPublisher](&b, "Notifications"), recorded[ports.NotificationLog](&b, "History"),
		}, l)
		require.NoError(t, err)
		_, err = newConsumer(o, nil, recorded[consumer](&b, "Consume"), l)
		require.NoError(t, err)
		b.requireAllBuiltExcept(t, name, "Observer", "Tracing", "Tokens", "Limiter", "Quota", "Listener", "Notifications", "History", "Consume")
	}
}

// consumeNothing is a consumer without notifications.
func consumeNothing(ctx context.Context, _ *app.Notifications) error {
	<-ctx.Done()
	return nil
}
