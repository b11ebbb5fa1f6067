package e2e_test

import (
	"maps"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// adminURL returns the URL of the listener for operators.
func adminURL(t *testing.T, p *harness.Program) string {
	t.Helper()
	found := regexp.MustCompile(`"admin_address":"([^"]+)"`).FindStringSubmatch(p.Stdout.String())
	require.NotNil(t, found, "%s", p.Stdout)
	return "http://" + found[1]
}

// TestAdminListenerOfTheGateway checks that only the admin listener serves metrics and readiness, until
// the shutdown has ended.
func TestAdminListenerOfTheGateway(t *testing.T) {
	t.Parallel()
	onAny(t, func(t *testing.T, b backing) {
		s := newEnvironment(t, b)
		aggregator := startBlockingService(t, s.platform.AggregatorURL())
		vars := s.settings(map[string]string{
			"API_GATEWAY_RESULT_AGGREGATOR_URL": aggregator.URL, "API_GATEWAY_DRAIN_NOTICE": "0",
			"API_GATEWAY_ADMIN_ADDR": "127.0.0.1:0",
		})
		p := harness.Start(t, "gateway", vars)
		host := p.Address(t)
		admin := adminURL(t, p)
		call(t, "GET", "http://"+host+"/metrics", "", nil).failure(t, 404, "RESOURCE_NOT_FOUND")
		call(t, "GET", "http://"+host+"/readyz", "", nil).failure(t, 404, "RESOURCE_NOT_FOUND")
		require.Equal(t, 200, call(t, "GET", "http://"+host+"/healthz", "", nil).status)
		require.Equal(t, 200, call(t, "GET", admin+"/readyz", "", nil).status)
		require.Contains(t, string(call(t, "GET", admin+"/metrics", "", nil).body), "gateway_http_requests_total")
		asking := maps.Clone(vars)
		var err error
		_, asking["API_GATEWAY_HTTP_PORT"], err = net.SplitHostPort(host)
		require.NoError(t, err)
		code, said := healthcheck(t, "gateway", asking)
		require.Zero(t, code, said)

		teacher, batch := s.batch(1)
		answers := aggregator.startRequest(t, "http://"+host+statusPath(batch), teacher)
		p.Terminate(t)
		require.Eventually(t, func() bool { // it no longer listens, but finishes requests
			conn, err := net.Dial("tcp", host)
			if err == nil {
				_ = conn.Close()
			}
			return err != nil
		}, waitLimit, 10*time.Millisecond)
		f := call(t, "GET", admin+"/readyz", "", nil).failure(t, 503, "SERVICE_UNAVAILABLE")
		require.Equal(t, "draining", f.Details["phase"])
		require.Equal(t, 200, call(t, "GET", admin+"/metrics", "", nil).status)
		aggregator.release()
		a := <-answers
		require.Equal(t, 200, a.status, "%s", &a)
		require.Equal(t, 0, p.Exit(t, 10*time.Second), "%s%s", p.Stdout, p.Stderr)
	})
}

// TestAdminListenerOfTheNotificationService checks the same for a node, and that its readiness is 503 from
// the start of the shutdown.
func TestAdminListenerOfTheNotificationService(t *testing.T) {
	t.Parallel()
	onAny(t, func(t *testing.T, b backing) {
		s := newEnvironment(t, b)
		p := harness.Start(t, "websocket", s.settings(map[string]string{
			"WEBSOCKET_ADMIN_ADDR": "127.0.0.1:0", "WEBSOCKET_DRAIN_NOTICE": "1",
		}))
		base := "http://" + p.Address(t)
		admin := adminURL(t, p)
		call(t, "GET", base+"/metrics", "", nil).failure(t, 404, "RESOURCE_NOT_FOUND")
		call(t, "GET", base+"/readyz", "", nil).failure(t, 404, "RESOURCE_NOT_FOUND")
		require.Equal(t, 200, call(t, "GET", base+"/healthz", "", nil).status)
		harness.AwaitReady(t, strings.TrimPrefix(admin, "http://"), "ready", "degraded")
		require.Contains(t, string(call(t, "GET", admin+"/metrics", "", nil).body), "websocket_active_connections")
		p.Terminate(t)
		harness.AwaitReady(t, strings.TrimPrefix(admin, "http://"), "503")
		require.Equal(t, 0, p.Exit(t, 20*time.Second), "%s%s", p.Stdout, p.Stderr)
	})
}
