// Package healthcheck checks from another process whether a service is alive, for container engines.
package healthcheck

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/huleedu/edge/adapters/httpserver/certificate"
	"github.com/huleedu/edge/domain"
)

const (
	// aliveTimeout bounds the request. Container engines give up later.
	aliveTimeout = 2 * time.Second
	// aliveBytes bounds what is read of an answer.
	aliveBytes = 64 << 10
)

// Alive requests /healthz from the service at this host and port, in another process
// of the same machine, over TLS if it has a certificate file; it then accepts this
// certificate only. An empty or unspecified host becomes the loopback address. It
// returns CONFIGURATION_ERROR for port 0, because the real port is unknown,
// CONNECTION_ERROR without an answer within two seconds, and EXTERNAL_SERVICE_ERROR
// for an answer of another service.
func Alive(ctx context.Context, service domain.Service, host string, port int, certFile string) error {
	if port == 0 {
		return domain.Misconfigured("port", "is 0, so that it is not known which port to ask")
	}
	ctx, cancel := context.WithTimeout(ctx, aliveTimeout)
	defer cancel()
	address := url.URL{Scheme: "http", Host: net.JoinHostPort(probeHost(host), strconv.Itoa(port)), Path: "/healthz"}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return domain.Unknown(err).WithOp("healthcheck.Alive")
	}
	// Its own transport ignores the proxy settings of the environment.
	transport := &http.Transport{DisableKeepAlives: true}
	if certFile != "" {
		req.URL.Scheme = "https"
		if transport.TLSClientConfig, err = certificate.TrustOnly(certFile); err != nil {
			return domain.Unreachable(string(service), err).WithOp("healthcheck.Alive")
		}
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return domain.Unreachable(string(service), err).WithOp("healthcheck.Alive")
	}
	defer func() { _ = res.Body.Close() }()
	var body struct {
		Service domain.Service `json:"service"`
	}
	err = json.NewDecoder(io.LimitReader(res.Body, aliveBytes)).Decode(&body)
	if err != nil || res.StatusCode != http.StatusOK || body.Service != service {
		return domain.External(string(service), res.StatusCode).WithCause(err).WithOp("healthcheck.Alive")
	}
	return nil
}

// probeHost returns the address under which the host is reachable on this machine.
func probeHost(host string) string {
	address, err := netip.ParseAddr(host)
	switch {
	case host == "", err == nil && address.IsUnspecified() && address.Is4():
		return "127.0.0.1"
	case err == nil && address.IsUnspecified():
		return "::1"
	default:
		return host
	}
}
