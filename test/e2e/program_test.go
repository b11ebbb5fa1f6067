package e2e_test

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

func TestProgramsPrintTheirVersion(t *testing.T) {
	t.Parallel()
	for name, service := range map[string]string{"gateway": "api_gateway_service", "websocket": "websocket_service"} {
		p := harness.Start(t, name, nil, "--version")
		require.Equal(t, 0, p.Exit(t, waitLimit))
		require.Regexp(t, `^`+service+` \d+\.\d+\.\d+\S* \((revision [0-9a-f]{40}, )?(modified, )?go\d[^ ]*\)\n$`, p.Stdout.String())
		require.Empty(t, p.Stderr.String())
	}
}

func TestProgramsHelp(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"gateway", "websocket"} {
		p := harness.Start(t, name, nil, "--help")
		require.Equal(t, 0, p.Exit(t, waitLimit))
		require.Contains(t, p.Stdout.String(), "--healthcheck")
		require.Less(t, strings.Count(p.Stdout.String(), "\n"), 12)
		require.Empty(t, p.Stderr.String())
	}
}

func TestProgramsRejectUnknownArguments(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"gateway", "websocket"} {
		for _, argument := range []string{"--verbose", "serve"} {
			p := harness.Start(t, name, nil, argument)
			require.Equal(t, 2, p.Exit(t, waitLimit))
			require.Contains(t, p.Stderr.String(), strings.Trim(argument, "-"))
			require.Contains(t, p.Stderr.String(), "--help")
			require.Len(t, p.Stderr.Lines(), 1)
			require.Empty(t, p.Stdout.String())
		}
	}
}

// TestProgramsListEveryProblem checks that a program reports all invalid settings at once and no values.
func TestProgramsListEveryProblem(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]struct {
		vars map[string]string
		want []string
	}{
		"gateway": {map[string]string{
			"ENVIRONMENT": "production", "API_GATEWAY_HTTP_PORT": "leaked", "API_GATEWAY_CORS_ORIGINS": `["*"]`,
			"API_GATEWAY_KAFKA_PUBLISH_TIMEOUT": "leaked", "API_GATEWAY_BOS_URL": "", "LOG_FORMAT": "leaked",
			"JWT_ALGORITHM": "HS256", "API_GATEWAY_HTTP_PROT": "leaked", "REDIS_URL": "ftp://me:leaked@x",
		}, []string{
			"API_GATEWAY_HTTP_PORT", "API_GATEWAY_CORS_ORIGINS", "API_GATEWAY_KAFKA_PUBLISH_TIMEOUT",
			"API_GATEWAY_BOS_URL", "LOG_FORMAT", "JWT_SECRET_KEY", "INTERNAL_API_KEY",
			"REDIS_URL", "warning: unknown setting API_GATEWAY_HTTP_PROT; did you mean API_GATEWAY_HTTP_PORT?",
		}},
		"websocket": {map[string]string{
			"ENVIRONMENT": "leaked", "WEBSOCKET_PORT": "leaked", "WEBSOCKET_PING_INTERVAL": "leaked", "CORS_ORIGINS": "leaked",
			"REDIS_URL": "ftp://me:leaked@x", "KAFKA_BOOTSTRAP_SERVERS": "leaked", "NOTIFICATION_LOG_MAX": "-1",
			"WEBSOCKET_PONG": "leaked",
		}, []string{
			"ENVIRONMENT", "WEBSOCKET_PORT", "WEBSOCKET_PING_INTERVAL", "CORS_ORIGINS", "REDIS_URL",
			"KAFKA_BOOTSTRAP_SERVERS", "NOTIFICATION_LOG_MAX", "JWT_SECRET_KEY", "warning: unknown setting WEBSOCKET_PONG; did you mean WEBSOCKET_PORT?",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := harness.Start(t, name, r.vars)
			require.Equal(t, 2, p.Exit(t, waitLimit))
			var found []string
			for _, line := range p.Stderr.Lines() {
				setting, _, _ := strings.Cut(line, ": ")
				// The key has two names.
				setting = strings.TrimPrefix(setting, "API_GATEWAY_HULEEDU_")
				setting = strings.TrimPrefix(setting, "HULEEDU_")
				if setting == "warning" {
					setting = line
				}
				found = append(found, setting)
			}
			require.ElementsMatch(t, r.want, slices.Compact(found), "%s", p.Stderr)
			require.NotContains(t, p.Stderr.String(), "leaked")
			require.Empty(t, p.Stdout.String())
		})
	}
}

// TestProgramsReportATakenAddress checks that a program does not start if its port or its admin address is in use.
func TestProgramsReportATakenAddress(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	address := taken.Addr().String()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	for _, changes := range []map[string]string{
		{"API_GATEWAY_HTTP_PORT": port, "WEBSOCKET_PORT": port},
		{"API_GATEWAY_ADMIN_ADDR": address, "WEBSOCKET_ADMIN_ADDR": address},
	} {
		for _, name := range []string{"gateway", "websocket"} {
			p := harness.Start(t, name, harness.Settings(changes))
			require.Equal(t, 1, p.Exit(t, waitLimit))
			require.Contains(t, p.Stderr.String(), "address already in use")
			require.Len(t, p.Stderr.Lines(), 1, "one line, no stack")
		}
	}
}

// TestProgramsStartWithoutTheirServers checks that programs start, respond and stop without Redis, Kafka and
// the platform.
func TestProgramsStartWithoutTheirServers(t *testing.T) {
	t.Parallel()
	vars := harness.Settings()
	gateway, node := harness.Start(t, "gateway", vars), harness.Start(t, "websocket", vars)
	base := "http://" + gateway.Address(t)
	require.Equal(t, "degraded", call(t, "GET", base+"/healthz", "", nil).object(t)["status"])
	ready := call(t, "GET", base+"/readyz", "", nil)
	require.Equal(t, 200, ready.status, "what all nodes share must not take every node out")
	require.Equal(t, "degraded", ready.object(t)["status"])
	base = "http://" + node.Address(t)
	require.Equal(t, 200, call(t, "GET", base+"/healthz", "", nil).status)
	call(t, "GET", base+"/readyz", "", nil).failure(t, 503, "SERVICE_UNAVAILABLE")
	require.Contains(t, string(call(t, "GET", base+"/metrics", "", nil).body), "notification_consumer_degraded 1\n")
	for _, p := range []*harness.Program{gateway, node} {
		p.Terminate(t)
		require.Equal(t, 0, p.Exit(t, 10*time.Second), "%s%s", p.Stdout, p.Stderr)
	}
}
