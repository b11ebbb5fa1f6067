package httpserver_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
		Port: 70000, Origins: []string{"*", "localhost", "http://a.example/"}, Credentials: true, TrustedProxies: "10.0.0.0/8, invalid",
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

// networksExcept returns networks that hold every IPv4 address, or with left all but one.
func networksExcept(left bool) string {
	var list []string
	for bits := 1; bits <= 32; bits++ {
		list = append(list, fmt.Sprintf("%d.%d.%d.%d/%d", byteOf(bits, 1), byteOf(bits, 2), byteOf(bits, 3), byteOf(bits, 4), bits))
	}
	if !left {
		list = append(list, "0.0.0.0")
	}
	return strings.Join(list, ",")
}

// byteOf returns a byte of the address in which only this bit is set.
func byteOf(bit, number int) int {
	if (bit-1)/8 != number-1 {
		return 0
	}
	return 0x80 >> ((bit - 1) % 8)
}

func TestProductionRefusesProxiesThatCoverEverything(t *testing.T) {
	t.Parallel()
	for list, refused := range map[string]bool{
		"0.0.0.0/0": true, "::/0": true, "10.0.0.0/8, 0.0.0.0/0": true, "0.0.0.0/1,128.0.0.0/1": true, "::ffff:0:0/96": true,
		"0.0.0.0/1,128.0.0.0/2,192.0.0.0/3": true, "::/1,8000::/1": true, "2000::/3": true, "2000::/4,3000::/4": true,
		"128.0.0.0/1,0.0.0.0/2,64.0.0.0/2": true, networksExcept(false): true,
		networksExcept(true): false, "": false, "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16": false, "0.0.0.0/1": false, "128.0.0.0/1,0.0.0.0/2": false,
		"fc00::/7,fe80::/10": false, "2001:db8::/32": false, "127.0.0.1,::1": false,
	} {
		c := gatewayConfig()
		c.TrustedProxies = list
		require.Equal(t, refused, len(c.Problems(domain.Production)) > 0, list)
		require.Empty(t, c.Problems(domain.Staging), list)
		node := httpserver.WebSocketConfig{Port: 8080, Credentials: true, TrustedProxies: list}
		require.Equal(t, refused, len(node.Problems(domain.Production)) > 0, list)
	}
}
