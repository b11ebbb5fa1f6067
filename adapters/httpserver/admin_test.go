package httpserver_test

import (
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
)

func listed(s *httpserver.Server) []string {
	var out []string
	for _, r := range s.Routes() {
		if r.Method != http.MethodHead {
			out = append(out, r.Path)
		}
	}
	return out
}

// TestAdminListener checks that metrics and readiness move to the admin address, that both
// answer /healthz, and that the admin listener serves until it is shut down itself.
func TestAdminListener(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t, with(func(p *httpserver.GatewayParts) {
		p.Config.AdminAddr = "127.0.0.1:0"
	}))
	require.NotNil(t, w.Admin())
	serve(t, w.Admin())
	admin := "http://" + w.Admin().Addr()
	assert.Equal(t, []string{"/healthz", "/readyz", "/metrics"}, listed(w.Admin()))
	assert.NotContains(t, listed(w.Server), "/readyz")
	assert.NotContains(t, listed(w.Server), "/metrics")
	for _, path := range []string{"/readyz", "/metrics"} {
		r := call(t, http.MethodGet, w.base+path, "")
		requireError(t, r, 404, "RESOURCE_NOT_FOUND")
		assert.Equal(t, 200, call(t, http.MethodGet, admin+path, "").StatusCode, path)
	}
	for _, base := range []string{w.base, admin} {
		r := call(t, http.MethodGet, base+"/healthz", "", "X-Correlation-ID: "+canonical)
		assert.Equal(t, 200, r.StatusCode)
		assert.Equal(t, canonical, r.Header.Get("X-Correlation-ID"))
	}
	r := call(t, http.MethodGet, admin+"/v1/batches", "", "Authorization: Bearer u1") // only operators use this address
	requireError(t, r, 404, "RESOURCE_NOT_FOUND")

	w.ready.Enter(app.Draining)
	require.NoError(t, w.Shutdown(t.Context()))
	r = call(t, http.MethodGet, admin+"/readyz", "")
	assert.Equal(t, "draining", requireError(t, r, 503, domain.ServiceUnavailable).Details["phase"])
}

func TestOneListenerByDefault(t *testing.T) {
	t.Parallel()
	assert.Nil(t, newEnvironment(t).Admin())
}

// TestFailedStartReleasesItsPorts checks that a failed start releases its ports.
func TestFailedStartReleasesItsPorts(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := free.Addr().(*net.TCPAddr).Port
	require.NoError(t, free.Close())
	c := gatewayConfig()
	c.Host, c.Port, c.AdminAddr = "127.0.0.1", port, taken.Addr().String()
	w := unserved()
	p := w.parts(w.platform)
	p.Config = c
	_, err = httpserver.NewGateway(p)
	require.Equal(t, domain.InitializationFailed, domain.CodeOf(err))
	again, err := net.Listen("tcp", free.Addr().String())
	require.NoError(t, err, "the service's own port is free again")
	require.NoError(t, again.Close())
}

func TestAdminAddressProblems(t *testing.T) {
	t.Parallel()
	for address, good := range map[string]bool{
		"": true, ":9090": true, "127.0.0.1:9090": true, "[::1]:9090": true, ":0": true, "0.0.0.0:65535": true,
		"9090": false, "127.0.0.1": false, ":": false, ":http": false, ":65536": false, "http://127.0.0.1:9090": false,
		":4001": false, "0.0.0.0:4001": false, "127.0.0.1:4001": false, "[::]:4001": false,
	} {
		g, s := gatewayConfig(), httpserver.WebSocketConfig{Host: "127.0.0.1", Port: 4001, AdminAddr: address}
		g.Host, g.Port, g.AdminAddr = "0.0.0.0", 4001, address
		if good {
			assert.Empty(t, g.Problems(domain.Production), address)
			assert.Empty(t, s.Problems(domain.Production), address)
			continue
		}
		assert.Equal(t, []any{"API_GATEWAY_ADMIN_ADDR"}, keys(g.Problems(domain.Production)), address)
		assert.Equal(t, []any{"WEBSOCKET_ADMIN_ADDR"}, keys(s.Problems(domain.Production)), address)
	}
	other := httpserver.WebSocketConfig{Host: "10.0.0.1", Port: 8080, AdminAddr: "127.0.0.1:8080"}
	assert.Empty(t, other.Problems(domain.Production), "the same port of another interface")
	other.Port, other.AdminAddr = 0, ":0"
	assert.Empty(t, other.Problems(domain.Production))
}
