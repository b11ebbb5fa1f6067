package e2e_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// withDotEnv returns a directory with a .env file.
func withDotEnv(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte(text), 0o600))
	return dir
}

// badSettings returns settings that are invalid for both services. Their values must not be printed.
func badSettings() map[string]string {
	return map[string]string{
		"ENVIRONMENT": "production", "JWT_SECRET_KEY": "leaked", "JWT_AUDIENCES": "leaked",
		"API_GATEWAY_HTTP_PORT": "leaked", "WEBSOCKET_PORT": "leaked", "REDIS_URL": "redis://me:leaked/@host",
		"API_GATEWAY_BOS_URL": "",
	}
}

// TestConfigCheckReportsTheErrorsOfTheServices compares the error texts of the tool and of the services.
func TestConfigCheckReportsTheErrorsOfTheServices(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"gateway", "websocket"} {
		service := harness.Start(t, name, badSettings())
		require.Equal(t, 2, service.Exit(t, waitLimit))
		check := harness.Start(t, "edge", badSettings(), "config", "check", name)
		require.Equal(t, 2, check.Exit(t, waitLimit))
		lines := strings.Split(strings.TrimSpace(check.Stdout.String()), "\n  ")
		require.Equal(t, name+": would not start", lines[0])
		require.ElementsMatch(t, service.Stderr.Lines(), lines[1:])
		require.Greater(t, len(lines), 4)
		require.Contains(t, lines, "warning: unknown setting JWT_AUDIENCES; did you mean JWT_AUDIENCE?")
		require.Empty(t, check.Stderr.String())
		require.NotContains(t, check.Stdout.String(), "leaked")
	}
}

func TestConfigCheckOfGoodSettings(t *testing.T) {
	t.Parallel()
	p := harness.Start(t, "edge", map[string]string{"JWT_SECRET_KEY": harness.Secret}, "config", "check")
	require.Equal(t, 0, p.Exit(t, waitLimit))
	require.Equal(t, "gateway: good\nwebsocket: good\n", p.Stdout.String())

	warned := harness.Start(t, "edge", map[string]string{"JWT_SECRET_KEY": harness.Secret, "NOTIFICATION_LOG": "1", "KAFKA_BOOTSTRAP_SERVER": "k:1", "REDIS_HOST": "r"}, "config", "check")
	const slip = "  warning: unknown setting KAFKA_BOOTSTRAP_SERVER; did you mean KAFKA_BOOTSTRAP_SERVERS?\n"
	require.Equal(t, 0, warned.Exit(t, waitLimit), "an unknown variable is not an error")
	require.Equal(t, "gateway: good\n"+slip+"websocket: good\n"+slip+"  warning: unknown setting NOTIFICATION_LOG\n", warned.Stdout.String())

	// A file replaces the environment.
	dir := withDotEnv(t, "WEBSOCKET_PORT=none\n")
	file := filepath.Join(dir, "some.env")
	require.NoError(t, os.WriteFile(file, []byte("JWT_SECRET_KEY="+harness.Secret+"\n"), 0o600))
	alone := harness.StartIn(t, dir, "edge", map[string]string{"WEBSOCKET_PING_INTERVAL": "never"}, "config", "check", "websocket", "--env-file", file)
	require.Equal(t, 0, alone.Exit(t, waitLimit), alone.Stdout)
	beside := harness.StartIn(t, dir, "edge", map[string]string{"JWT_SECRET_KEY": harness.Secret}, "config", "check", "websocket")
	require.Equal(t, 2, beside.Exit(t, waitLimit))
	require.Contains(t, beside.Stdout.String(), "WEBSOCKET_PORT: must be")
}

func TestConfigRejectsInvalidArguments(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		`edge: "redis": the service is gateway or websocket`:     {"check", "redis"},
		"nowhere.env: cannot be read":                            {"print", "--env-file", "nowhere.env"},
		`edge: unexpected argument "websocket" behind SERVICE; `: {"check", "gateway", "websocket"},
	} {
		p := harness.Start(t, "edge", nil, append([]string{"config"}, args...)...)
		require.Equal(t, 2, p.Exit(t, waitLimit), want)
		require.Contains(t, p.Stderr.String(), want)
	}
}

func TestConfigPrintShowsSourcesWithoutSecrets(t *testing.T) {
	t.Parallel()
	dir := withDotEnv(t, "WEBSOCKET_PING_INTERVAL=20\nJWT_ISSUER=file\n")
	vars := map[string]string{
		"JWT_SECRET_KEY": harness.Secret, "REDIS_URL": "redis://me:leaked@host:6379/1", "API_GATEWAY_KAFKA_SASL_PASSWORD": "leaked",
		"HULEEDU_INTERNAL_API_KEY": "leaked", "OTEL_EXPORTER_OTLP_ENDPOINT": "https://me:leaked@collector", "JWT_ISSUER": "here",
	}
	p := harness.StartIn(t, dir, "edge", vars, "config", "print", "--json")
	require.Equal(t, 0, p.Exit(t, waitLimit), "%s%s", p.Stdout, p.Stderr)
	require.NotContains(t, p.Stdout.String(), "leaked")
	require.NotContains(t, p.Stdout.String(), harness.Secret)
	type setting struct{ Name, Value, Source, Variable string }
	var all map[string]struct{ Settings []setting }
	require.NoError(t, json.Unmarshal([]byte(p.Stdout.String()), &all))
	for service, wanted := range map[string][]setting{
		"gateway": {
			{"API_GATEWAY_REDIS_URL", "redis://***:***@host:6379/1", "environment", "REDIS_URL"},
			{"API_GATEWAY_KAFKA_SASL_PASSWORD", "[redacted]", "environment", ""},
			{"API_GATEWAY_HTTP_PORT", "4001", "default", ""},
			{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://***:***@collector", "environment", ""},
		},
		"websocket": {
			{"REDIS_URL", "redis://***:***@host:6379/1", "environment", ""},
			{"WEBSOCKET_PING_INTERVAL", "20s", ".env", ""},
			{"JWT_ISSUER", "here", "environment", ""},
		},
	} {
		for _, want := range wanted {
			require.Contains(t, all[service].Settings, want)
		}
	}

	plain := harness.StartIn(t, dir, "edge", vars, "config", "print", "gateway")
	require.Equal(t, 0, plain.Exit(t, waitLimit))
	require.Regexp(t, `(?m)^  API_GATEWAY_REDIS_URL +redis://\*\*\*:\*\*\*@host:6379/1 +environment, REDIS_URL$`, plain.Stdout.String())
	require.NotContains(t, plain.Stdout.String(), "leaked")
	require.NotContains(t, plain.Stdout.String(), "WEBSOCKET_")

	broken := harness.Start(t, "edge", badSettings(), "config", "print")
	require.Equal(t, 2, broken.Exit(t, waitLimit))
	require.NotContains(t, broken.Stdout.String(), "leaked")
	require.Contains(t, broken.Stdout.String(), "[cannot be used]")
}

// TestProgramsReadDotEnv checks that programs read .env outside production, and that variables of the process
// have precedence.
func TestProgramsReadDotEnv(t *testing.T) {
	t.Parallel()
	for name, port := range map[string]string{"gateway": "API_GATEWAY_HTTP_PORT", "websocket": "WEBSOCKET_PORT"} {
		dir := withDotEnv(t, port+"=0\nJWT_AUDIENCES=x\nLOG_LEVEL=none\nJWT_SECRET_KEY="+harness.Secret+"\n")
		vars := harness.Settings(map[string]string{"LOG_LEVEL": "info"})
		for _, name := range []string{port, "JWT_SECRET_KEY", "ENVIRONMENT"} { // they are in the file, or have a default
			delete(vars, name)
		}
		p := harness.StartIn(t, dir, name, vars)
		require.NotRegexp(t, ":(4001|8080)$", p.Address(t))
		require.Equal(t, []string{"warning: unknown setting JWT_AUDIENCES; did you mean JWT_AUDIENCE?"}, p.Stderr.Lines())
		p.Terminate(t)
		require.Equal(t, 0, p.Exit(t, waitLimit))

		production := maps.Clone(vars)
		production["ENVIRONMENT"] = "production"
		p = harness.StartIn(t, dir, name, production)
		require.Equal(t, 2, p.Exit(t, waitLimit))
		require.Contains(t, p.Stderr.Lines(), "JWT_SECRET_KEY: is required for HS256; there is no default secret")
		require.NotContains(t, p.Stderr.String(), "JWT_AUDIENCES")

		lifted := harness.StartIn(t, withDotEnv(t, "ENVIRONMENT=production\n"), name, vars)
		require.Equal(t, 2, lifted.Exit(t, waitLimit))
		require.Contains(t, lifted.Stderr.String(), ".env: must not set ENVIRONMENT=production")
	}
}
