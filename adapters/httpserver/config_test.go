package httpserver_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
)

func keys(problems []error) []any {
	out := make([]any, 0, len(problems))
	for _, p := range problems {
		out = append(out, domain.As(p).Setting)
	}
	return out
}

func TestGatewayProblems(t *testing.T) {
	t.Parallel()
	assert.Empty(t, gatewayConfig().Problems(domain.Production))
	bad := httpserver.GatewayConfig{
		Port: 70000, Origins: []string{"*", "localhost", "http://a.example/"}, Credentials: true, TrustedProxies: "10.0.0.0/8, nonsense",
	}
	assert.ElementsMatch(t, []any{
		"API_GATEWAY_HTTP_PORT", "API_GATEWAY_CORS_ORIGINS", "API_GATEWAY_CORS_ORIGINS", "API_GATEWAY_CORS_ORIGINS",
		"API_GATEWAY_TRUSTED_PROXIES", "API_GATEWAY_MAX_BODY_BYTES", "API_GATEWAY_MAX_HEADER_BYTES", "API_GATEWAY_HEADER_TIMEOUT",
		"API_GATEWAY_ANSWER_TIMEOUT", "API_GATEWAY_IDLE_TIMEOUT",
	}, keys(bad.Problems(domain.Production)), "everything at once")
	c := gatewayConfig()
	c.Origins, c.Credentials, c.TrustedProxies = []string{"*"}, false, "10.0.0.0/8, 192.0.2.1,, ::1/128"
	assert.Empty(t, c.Problems(domain.Development))
	assert.Equal(t, []any{"API_GATEWAY_CORS_ORIGINS"}, keys(c.Problems(domain.Production)))
}

func TestWebSocketProblems(t *testing.T) {
	t.Parallel()
	c := httpserver.WebSocketConfig{Port: 8080, Origins: []string{"https://app.example"}, Credentials: true}
	assert.Empty(t, c.Problems(domain.Production))
	c.Port, c.Origins = -1, []string{"*"}
	assert.Equal(t, []any{"WEBSOCKET_PORT", "CORS_ORIGINS"}, keys(c.Problems(domain.Staging)))
	_, err := httpserver.NewWebSocket(httpserver.WebSocketParts{Config: c})
	assert.Equal(t, domain.ConfigurationError, domain.CodeOf(err))
}
