package wire

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// planted is a part of every secret of plantedSecrets.
const planted = "plantedsecretvalue"

const operatorToken = planted + "-operator-0123456789abcdef"

// plantedSecrets returns valid settings of both services with a secret wherever one can be.
func plantedSecrets() map[string]string {
	vars := map[string]string{
		"ADMIN_TOKEN": operatorToken, "API_GATEWAY_ADMIN_ADDR": "127.0.0.1:0", "WEBSOCKET_ADMIN_ADDR": "127.0.0.1:0",
		"API_GATEWAY_HTTP_HOST": "127.0.0.1", "API_GATEWAY_HTTP_PORT": "0", "WEBSOCKET_HOST": "127.0.0.1", "WEBSOCKET_PORT": "0",
		"JWT_SECRET_KEY": planted + "-jwt-0123456789abcdefghij", "JWT_SECRET_KEY_PREVIOUS": planted + "-old-0123456789abcdefghij",
		"HULEEDU_INTERNAL_API_KEY": planted + "-internal-0123456789", "REDIS_URL": "redis://" + planted + ":" + planted + "@127.0.0.1:1",
		"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "PLAIN",
		"KAFKA_SASL_USERNAME": "user", "KAFKA_SASL_PASSWORD": planted,
		"API_GATEWAY_DRAIN_NOTICE": "0", "WEBSOCKET_DRAIN_NOTICE": "0", "WEBSOCKET_DRAIN_SPREAD": "0",
	}
	vars["API_GATEWAY_REDIS_URL"] = vars["REDIS_URL"]
	return vars
}

// readPlanted reads the settings of a service from plantedSecrets.
func readPlanted[C any](t *testing.T, program Program[C]) C {
	t.Helper()
	config, report := program.Read(Variables(plantedSecrets(), "test"))
	require.Empty(t, report.Problems)
	return config
}

// operatorAnswers starts the process, asks each operators' route of its admin address and
// returns the answers. It checks that the public address has none of the routes.
func operatorAnswers(t *testing.T, p *Process, own string) string {
	t.Helper()
	p.Start()
	t.Cleanup(func() { _ = p.Stop(t.Context()) }) // Kafka is away
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func(address, path, token string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := client.Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode, string(body)
	}
	var all strings.Builder
	for _, path := range []string{"/admin/node", "/admin/config", own} {
		status, body := ask(p.AdminAddr, path, operatorToken)
		require.Equal(t, http.StatusOK, status, body)
		all.WriteString(body)
		status, body = ask(p.AdminAddr, path, planted)
		require.Equal(t, http.StatusUnauthorized, status)
		all.WriteString(body)
		status, _ = ask(p.Addr, path, operatorToken)
		require.Equal(t, http.StatusNotFound, status, "the public port has no %s", path)
	}
	return all.String()
}

// TestOperatorsSeeNoSecret plants a secret in every setting that holds one.
func TestOperatorsSeeNoSecret(t *testing.T) {
	gateway, release, err := Gateway(readPlanted(t, GatewayCommand()), io.Discard, GatewayOverride{})
	require.NoError(t, err)
	t.Cleanup(release)
	node, release, err := WebSocket(readPlanted(t, WebSocketCommand()), io.Discard, WebSocketOverride{})
	require.NoError(t, err)
	t.Cleanup(release)

	answers := operatorAnswers(t, gateway, "/admin/circuits") + operatorAnswers(t, node, "/admin/users/anna/connections")
	require.NotContains(t, answers, planted)
	require.Contains(t, answers, `{"name":"ADMIN_TOKEN","value":"[redacted]","source":"test"}`)
	require.Contains(t, answers, `"value":"redis://***:***@127.0.0.1:1"`)
	require.Contains(t, answers, `{"service":"result_aggregator","state":"closed","failures":0,"in_flight":0,"idle_connections":0}`)
	require.Contains(t, answers, `"connections_per_user":5`)
}
