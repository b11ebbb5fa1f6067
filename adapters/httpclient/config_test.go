package httpclient_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
)

func TestProblemsNameEachInvalidSetting(t *testing.T) {
	good := config("http://result_aggregator_service:4003", "https://bos.example/api/")
	weaken := func(c *httpclient.Config) { c.OrchestratorURL = "" }
	for _, c := range []struct {
		name        string
		environment domain.Environment
		change      func(*httpclient.Config)
		want        []any
	}{
		{"good", domain.Production, func(*httpclient.Config) {}, []any{}},
		{"weak, but no production", domain.Development, weaken, []any{}},
		{"weak in production", domain.Production, weaken, []any{"API_GATEWAY_BOS_URL"}},
		{
			"all at once", domain.Testing,
			func(c *httpclient.Config) { *c = httpclient.Config{OrchestratorURL: "x", ClassesURL: "http://x?a=1"} },
			[]any{
				"API_GATEWAY_RESULT_AGGREGATOR_URL", "API_GATEWAY_BOS_URL", "API_GATEWAY_CMS_API_URL",
				"API_GATEWAY_BFF_TEACHER_URL", "API_GATEWAY_FILE_SERVICE_URL", "API_GATEWAY_HTTP_CLIENT_TIMEOUT_SECONDS",
				"API_GATEWAY_HTTP_CLIENT_CONNECT_TIMEOUT_SECONDS", "API_GATEWAY_STREAM_IDLE_TIMEOUT",
				"API_GATEWAY_CONNECTION_MAX_AGE", "API_GATEWAY_DOWNSTREAM_MAX_CONCURRENCY",
				"API_GATEWAY_HTTP_CIRCUIT_BREAKER_FAILURE_THRESHOLD", "API_GATEWAY_HTTP_CIRCUIT_BREAKER_RECOVERY_TIMEOUT",
				"API_GATEWAY_HTTP_CIRCUIT_BREAKER_SUCCESS_THRESHOLD",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			settings := good
			c.change(&settings)
			problems := settings.Problems(c.environment)
			keys := make([]any, 0, len(problems))
			for _, err := range problems {
				e := domain.As(err)
				require.Equal(t, domain.ConfigurationError, e.Code)
				keys = append(keys, e.Setting)
			}
			require.Equal(t, c.want, keys)
		})
	}
}

func TestProblemsOfTheInternalKey(t *testing.T) {
	for _, c := range []struct {
		environment domain.Environment
		key         domain.Secret
		problems    int
	}{
		{domain.Production, key, 0},
		{domain.Production, "", 1},
		{domain.Testing, "", 0},
		{domain.Testing, "a\nb", 1},
		{domain.Testing, " a", 1},
	} {
		problems := httpclient.KeyConfig{InternalKey: c.key}.Problems(c.environment)
		require.Len(t, problems, c.problems, "%s %q", c.environment, c.key.Reveal())
		for _, err := range problems {
			require.Equal(t, "HULEEDU_INTERNAL_API_KEY", domain.As(err).Setting)
		}
	}
}

func TestInvalidAddressesAreRefused(t *testing.T) {
	for _, raw := range []string{
		"x", "localhost:4003", "ftp://x", "http://", "http:///path", "http://u:secret@x", "http://x?a=1", "http://x?", "http://x#f", "http://[::1", "http://x y",
	} {
		c := config(raw, "")
		require.Len(t, c.Problems(domain.Testing), 1, raw)
		_, err := httpclient.NewBatches(c, httpclient.KeyConfig{}, &memory.Facts{}, noop.NewTracerProvider(), slog.New(slog.DiscardHandler))
		require.Equal(t, domain.ConfigurationError, domain.CodeOf(err), raw)
		require.NotContains(t, err.Error(), "secret")
		c = config("http://x", raw)
		_, err = httpclient.NewBatches(c, httpclient.KeyConfig{}, &memory.Facts{}, noop.NewTracerProvider(), slog.New(slog.DiscardHandler))
		require.Equal(t, "API_GATEWAY_BOS_URL", domain.As(err).Setting, raw)
	}
}
