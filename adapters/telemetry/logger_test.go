package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"

	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/huleedu/edge/adapters/telemetry"
	"github.com/huleedu/edge/domain"
)

// lines decodes the lines of a logger, one JSON object each.
func lines(t *testing.T, b *bytes.Buffer) []map[string]any {
	t.Helper()
	var out []map[string]any
	d := json.NewDecoder(b)
	for {
		var line map[string]any
		err := d.Decode(&line)
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		out = append(out, line)
	}
}

func TestLineHasStableFields(t *testing.T) {
	var b bytes.Buffer
	log := telemetry.NewLogger(defaults(), domain.GatewayService, &b)
	log.Error("request failed", "error", domain.NotAuthenticated(), "attempt", 2)

	line := lines(t, &b)[0]
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`, line["timestamp"])
	delete(line, "timestamp")
	require.Equal(t, map[string]any{
		"level": "error", "service": "api_gateway_service", "event": "request failed",
		"error": "AUTHENTICATION_ERROR: Not authenticated", "attempt": float64(2),
	}, line)
}

// TestLevelsHaveThePlatformsNames: the platform's log pipeline filters by these names.
func TestLevelsHaveThePlatformsNames(t *testing.T) {
	for level, name := range map[slog.Level]string{
		slog.LevelDebug: "debug", slog.LevelInfo: "info", slog.LevelWarn: "warning", slog.LevelError: "error",
	} {
		for _, format := range []string{"json", "console"} {
			var b bytes.Buffer
			c := defaults()
			c.LogLevel, c.LogFormat = "debug", format
			telemetry.NewLogger(c, domain.GatewayService, &b).Log(t.Context(), level, "text")
			if format == "console" {
				require.Contains(t, b.String(), "\t"+name+"\ttext")
				continue
			}
			line := lines(t, &b)[0]
			require.Equal(t, name, line["level"])
			require.Equal(t, "text", line["event"])
			require.NotContains(t, line, "message")
		}
	}
}

func TestRequestIDsAreTopLevelFields(t *testing.T) {
	var b bytes.Buffer
	tracer := sdk.NewTracerProvider().Tracer("test")
	ctx := domain.WithRequestContext(t.Context(), domain.RequestContext{CorrelationID: "c-1", RequestID: "r-1"})
	ctx, span := tracer.Start(ctx, "work")
	defer span.End()

	log := telemetry.NewLogger(defaults(), domain.GatewayService, &b)
	log.With("a", 1).WithGroup("g").With("b", 2).WithGroup("h").InfoContext(ctx, "nested", "c", 3)

	line := lines(t, &b)[0]
	require.Equal(t, "c-1", line["correlation_id"])
	require.Equal(t, "r-1", line["request_id"])
	require.Equal(t, span.SpanContext().TraceID().String(), line["trace_id"])
	require.Equal(t, span.SpanContext().SpanID().String(), line["span_id"])
	require.EqualValues(t, 1, line["a"])
	require.Equal(t, map[string]any{"b": float64(2), "h": map[string]any{"c": float64(3)}}, line["g"])
}

func TestLoggerPassesTheSlogHandlerTest(t *testing.T) {
	var b bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		b.Reset()
		return telemetry.NewLogger(defaults(), domain.GatewayService, &b).Handler()
	}, func(t *testing.T) map[string]any {
		t.Helper()
		line := lines(t, &b)[0]
		line[slog.LevelKey], line[slog.MessageKey] = line["level"], line["event"]
		if stamp, ok := line["timestamp"]; ok && !strings.HasPrefix(t.Name(), "TestLoggerPassesTheSlogHandlerTest/zero-time") {
			line[slog.TimeKey] = stamp
		}
		return line
	})
}

func TestSecretsAreNeverWritten(t *testing.T) {
	type settings struct{ Key domain.Secret }
	for _, format := range []string{"json", "console"} {
		var b bytes.Buffer
		c := defaults()
		c.LogFormat = format
		log := telemetry.NewLogger(c, domain.GatewayService, &b)
		s := domain.Secret("hunter2")
		log.With("with", s).WithGroup("g").Info("settings", "plain", s, "inside", settings{s}, "pointer", &settings{s},
			slog.Group("group", "secret", s), "list", []domain.Secret{s}, "map", map[string]domain.Secret{"k": s})
		require.Contains(t, b.String(), "[redacted]")
		require.NotContains(t, b.String(), "hunter2")
	}
}

func TestLinesBelowTheLevelAreDropped(t *testing.T) {
	var b bytes.Buffer
	c := defaults()
	c.LogLevel = "WARNING"
	c.ServiceName = "edge-blue"
	log := telemetry.NewLogger(c, domain.WebSocketService, &b)
	log.Info("no")
	log.Warn("yes")
	got := lines(t, &b)
	require.Len(t, got, 1)
	require.Equal(t, "yes", got[0]["event"])
	require.Equal(t, "edge-blue", got[0]["service"])
	require.False(t, log.Enabled(context.Background(), slog.LevelInfo))
}

func TestConsoleFormat(t *testing.T) {
	var b bytes.Buffer
	c := defaults()
	c.LogFormat = "console"
	telemetry.NewLogger(c, domain.GatewayService, &b).Info("listening", "address", "127.0.0.1:4001")
	require.Contains(t, b.String(), "\tinfo\tlistening\t")
	require.Contains(t, b.String(), "127.0.0.1:4001")
}

func TestLinesAreSampledPerMessage(t *testing.T) {
	var b bytes.Buffer
	log := telemetry.NewLogger(defaults(), domain.GatewayService, &b)
	for range 10_000 {
		log.Info("again")
	}
	log.Info("something else")
	got := strings.Count(b.String(), `"again"`)
	require.GreaterOrEqual(t, got, 100)
	require.Less(t, got, 2_000)
	require.Equal(t, 1, strings.Count(b.String(), "something else"))
}

func BenchmarkLogLine(b *testing.B) {
	log := telemetry.NewLogger(defaults(), domain.GatewayService, io.Discard)
	ctx := domain.WithRequestContext(b.Context(), domain.RequestContext{CorrelationID: "c-1", RequestID: "r-1"})
	b.ReportAllocs()
	for b.Loop() {
		log.InfoContext(ctx, "request served", "status", 200)
	}
}
