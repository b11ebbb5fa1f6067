package telemetry_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/telemetry"
	"github.com/huleedu/edge/domain"
)

func defaults() telemetry.Config {
	return telemetry.Config{LogLevel: "info", LogFormat: "json", EnableMetrics: true, EnableTracing: true}
}

func standard() telemetry.OTelConfig {
	return telemetry.OTelConfig{Exporter: "otlp", Sampler: "parentbased_always_on"}
}

func TestDefaultsHaveNoProblems(t *testing.T) {
	require.Empty(t, defaults().Problems(domain.Production))
	otel := standard()
	require.Empty(t, otel.Problems(domain.Production))
}

func TestLevelNamesOfPythonAreValid(t *testing.T) {
	for _, name := range []string{"DEBUG", "INFO", "WARNING", "warn", "ERROR", "CRITICAL"} {
		c := defaults()
		c.LogLevel = name
		require.Empty(t, c.Problems(domain.Production), name)
	}
}

func TestProblemsContainsEveryInvalidSetting(t *testing.T) {
	c := telemetry.Config{LogLevel: "verbose", LogFormat: "xml"}
	require.Equal(t, []string{"LOG_LEVEL", "LOG_FORMAT"}, keys(t, c.Problems(domain.Testing)))

	o := telemetry.OTelConfig{
		Endpoint: "collector:4317", TracesEndpoint: "ftp://x", Protocol: "http/json", TracesProtocol: "udp",
		Exporter: "zipkin", Sampler: "sometimes", SamplerArg: "1.5",
	}
	require.Equal(t, []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL",
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
		"OTEL_TRACES_EXPORTER", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
	}, keys(t, o.Problems(domain.Testing)))
}

func TestEmptyVariablesOfOpenTelemetryCountAsNotSet(t *testing.T) {
	o := telemetry.OTelConfig{Endpoint: "http://c:4318"}
	o.Complete(func(string) bool { return true })
	require.Empty(t, o.Problems(domain.Production))
	require.Equal(t, standard().Exporter, o.Exporter)
	require.Equal(t, standard().Sampler, o.Sampler)

	o = telemetry.OTelConfig{Exporter: "None", Sampler: "Always_On", Protocol: "GRPC", TracesProtocol: "HTTP/protobuf"}
	o.Complete(func(string) bool { return true })
	require.Empty(t, o.Problems(domain.Production))
}

func FuzzProblemsNeverPanics(f *testing.F) {
	f.Add("info", "http://c:4318", "traceidratio", "0.5")
	f.Add("", "://", "parentbased_", "NaN")
	f.Fuzz(func(t *testing.T, level, endpoint, sampler, arg string) {
		c := telemetry.Config{LogLevel: level, LogFormat: level}
		o := telemetry.OTelConfig{Endpoint: endpoint, Sampler: sampler, SamplerArg: arg}
		keys(t, append(c.Problems(domain.Testing), o.Problems(domain.Testing)...))
	})
}

// keys returns the settings of the problems.
func keys(t *testing.T, problems []error) []string {
	t.Helper()
	out := make([]string, 0, len(problems))
	for _, p := range problems {
		require.Equal(t, domain.ConfigurationError, domain.CodeOf(p))
		out = append(out, domain.As(p).Setting)
	}
	return out
}
