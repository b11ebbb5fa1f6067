package httpserver_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/adapters/httpserver/healthcheck"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/servers"
)

// TestListenersUseTLS checks every listener of a service: TLS 1.2 at least, HTTP/1.1 only, and
// the liveness probe.
func TestListenersUseTLS(t *testing.T) {
	t.Parallel()
	authority := servers.NewAuthority(t)
	pair, other := authority.Issue(time.Now().Add(time.Hour)), authority.Issue(time.Now().Add(time.Hour))
	w := newEnvironment(t, func(_ *environment, p *httpserver.GatewayParts) {
		p.Config.AdminAddr, p.Config.TLSCertFile, p.Config.TLSKeyFile = "127.0.0.1:0", pair.CertFile, pair.KeyFile
	})
	serve(t, w.Admin())
	for _, addr := range []string{w.Addr(), w.Admin().Addr()} {
		requireTLS(t, addr, authority.File())
		bound, err := net.ResolveTCPAddr("tcp", addr)
		require.NoError(t, err)
		require.NoError(t, healthcheck.Alive(t.Context(), domain.GatewayService, "127.0.0.1", bound.Port, pair.CertFile))
		require.Error(t, healthcheck.Alive(t.Context(), domain.GatewayService, "127.0.0.1", bound.Port, other.CertFile))
		require.Error(t, healthcheck.Alive(t.Context(), domain.GatewayService, "127.0.0.1", bound.Port, ""))
	}
}

// requireTLS requests /healthz and requires the versions of the protocols.
func requireTLS(t *testing.T, addr, authority string) {
	t.Helper()
	trusted := x509.NewCertPool()
	text, err := os.ReadFile(authority)
	require.NoError(t, err)
	require.True(t, trusted.AppendCertsFromPEM(text))
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+addr+"/healthz", http.NoBody)
	require.NoError(t, err)
	res, err := client.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, "HTTP/1.1", res.Proto)
	require.Equal(t, "http/1.1", res.TLS.NegotiatedProtocol)
	old := config.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
	dialer := &tls.Dialer{Config: old}
	_, err = dialer.DialContext(t.Context(), "tcp", addr)
	require.Error(t, err)
}
