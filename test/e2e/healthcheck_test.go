package e2e_test

import (
	"maps"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// healthcheck runs a program with --healthcheck, as a container engine does.
func healthcheck(t *testing.T, name string, vars map[string]string) (int, string) {
	t.Helper()
	p := harness.Start(t, name, vars, "--healthcheck")
	code := p.Exit(t, waitLimit)
	require.Empty(t, p.Stdout.String())
	return code, p.Stderr.String()
}

func TestProgramsCheckTheirHealth(t *testing.T) {
	t.Parallel()
	other := map[string]string{"gateway": "websocket", "websocket": "gateway"}
	for name, port := range map[string]string{"gateway": "API_GATEWAY_HTTP_PORT", "websocket": "WEBSOCKET_PORT"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vars := harness.Settings()
			code, said := healthcheck(t, name, vars)
			require.Equal(t, 1, code)
			require.Contains(t, said, "not known which port")

			service := harness.Start(t, name, vars)
			_, bound, err := net.SplitHostPort(service.Address(t))
			require.NoError(t, err)
			vars[port] = bound
			// Bound to every address, it is asked on the loopback; a proxy of the
			// environment is not used, and an unknown variable is not reported again.
			vars["HTTP_PROXY"], vars["http_proxy"], vars["JWT_AUDIENCES"] = "http://127.0.0.1:1", "http://127.0.0.1:1", ""
			for _, host := range []string{"0.0.0.0", "127.0.0.1", "localhost", ""} {
				vars["API_GATEWAY_HTTP_HOST"], vars["WEBSOCKET_HOST"] = host, host
				code, said = healthcheck(t, name, vars)
				require.Zero(t, code, said)
				require.Empty(t, said)
			}

			broken := maps.Clone(vars)
			broken[port] = "leaked"
			code, said = healthcheck(t, name, broken)
			require.Equal(t, 1, code, "2 has a meaning of its own to container engines")
			require.Contains(t, said, port+": must be")

			foreign := maps.Clone(vars)
			foreign["API_GATEWAY_HTTP_PORT"], foreign["WEBSOCKET_PORT"] = bound, bound
			code, said = healthcheck(t, other[name], foreign)
			require.Equal(t, 1, code, "another service answers there")
			require.Contains(t, said, "EXTERNAL_SERVICE_ERROR")

			service.Terminate(t)
			require.Zero(t, service.Exit(t, waitLimit))
			code, said = healthcheck(t, name, vars)
			require.Equal(t, 1, code)
			require.Contains(t, said, "CONNECTION_ERROR")
		})
	}
}
