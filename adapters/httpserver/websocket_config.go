package httpserver

import (
	"github.com/huleedu/edge/adapters/httpserver/certificate"
	"github.com/huleedu/edge/adapters/httpserver/operators"
	"github.com/huleedu/edge/adapters/internal/origin"
	"github.com/huleedu/edge/domain"
)

// WebSocketConfig is where the notification service listens.
type WebSocketConfig struct {
	// Host is the address to listen on; empty means every interface.
	Host string `env:"WEBSOCKET_HOST" envDefault:"0.0.0.0"`
	// Port is the TCP port to listen on; 0 takes a free one.
	Port int `env:"WEBSOCKET_PORT" envDefault:"8080"`
	// AdminAddr is a second address, host:port or :port, for operators: /metrics
	// and /readyz move there and /healthz is answered there too. It stays open
	// until the drain has ended. Empty: everything on one port.
	AdminAddr string `env:"WEBSOCKET_ADMIN_ADDR"`
	// AdminToken is the bearer token of operators, of at least 32 bytes. With it the admin
	// address also answers /admin/..., which shows the state of the node without changing
	// it. Empty: there are no such routes.
	AdminToken domain.Secret `env:"ADMIN_TOKEN"`
	// TLSCertFile is a file with the certificate chain in PEM. With it, and the key, every
	// listener of the service accepts only TLS 1.2 or newer. The files are loaded again when
	// they change. Empty: no TLS.
	TLSCertFile string `env:"WEBSOCKET_TLS_CERT_FILE"`
	// TLSKeyFile is a file with the private key of the certificate in PEM.
	TLSKeyFile string `env:"WEBSOCKET_TLS_KEY_FILE"`
	// Origins are the web origins whose pages may connect to /ws and /events and read other
	// answers. A handshake with another Origin is answered 403, which a browser reports as
	// close code 1006. ENVIRONMENT=development also allows http and https pages of localhost,
	// 127.0.0.0/8 and [::1] on any port. "*" allows all, and is refused together with
	// credentials and in production.
	Origins []string `env:"CORS_ORIGINS" envDefault:"[\"http://localhost:5173\",\"http://localhost:4173\",\"http://localhost:3000\"]"`
	// Credentials lets pages send cookies and Authorization headers.
	Credentials bool `env:"CORS_ALLOW_CREDENTIALS" envDefault:"true"`
	// Methods are the methods that pages of other origins may use; "*" allows the requested
	// one.
	Methods []string `env:"CORS_ALLOW_METHODS" envDefault:"[\"GET\",\"POST\",\"PUT\",\"PATCH\",\"DELETE\",\"OPTIONS\"]"`
	// Headers are the headers that pages of other origins may send; "*" allows the
	// requested ones. On /events, Authorization, Last-Event-ID and X-Correlation-ID are
	// always allowed.
	Headers []string `env:"CORS_ALLOW_HEADERS" envDefault:"[\"*\"]"`
	// TrustedProxies is a comma list of CIDRs whose X-Forwarded-For is trusted;
	// empty trusts no proxy.
	TrustedProxies string `env:"WEBSOCKET_TRUSTED_PROXIES"`
	// Docs decides whether /asyncapi.json and /asyncapi, the description of the messages, are
	// served: true or false in every environment; empty serves them everywhere but in
	// production.
	Docs string `env:"WEBSOCKET_DOCS"`
}

// Problems reports every value that cannot be used in the environment.
func (c WebSocketConfig) Problems(environment domain.Environment) []error {
	out := append(portProblems("WEBSOCKET_PORT", c.Port), adminProblems("WEBSOCKET_ADMIN_ADDR", c.AdminAddr, c.Host, c.Port)...)
	out = append(out, operators.TokenProblems(c.AdminToken, environment)...)
	out = append(out, c.certificate().Problems("WEBSOCKET_")...)
	out = append(out, c.cors().problems(environment)...)
	if _, ok := docsServed(c.Docs, environment); !ok {
		out = append(out, domain.Misconfigured("WEBSOCKET_DOCS", "must be true, false or empty"))
	}
	return append(out, proxyProblems("WEBSOCKET_TRUSTED_PROXIES", c.TrustedProxies, environment)...)
}

// Warnings reports what the service ignores in the environment.
func (c WebSocketConfig) Warnings(environment domain.Environment) []error {
	return append(c.cors().warnings(environment), operators.TokenWarnings(c.AdminToken, "WEBSOCKET_ADMIN_ADDR", c.AdminAddr)...)
}

func (c WebSocketConfig) cors() corsSettings {
	return corsSettings{
		setting: "CORS_ORIGINS", origins: c.Origins, credentials: c.Credentials, methods: c.Methods, headers: c.Headers,
		needed: map[string][]string{"/events": {"Authorization", "Last-Event-ID", "X-Correlation-ID"}},
	}
}

func (c WebSocketConfig) certificate() certificate.Files {
	return certificate.Files{Cert: c.TLSCertFile, Key: c.TLSKeyFile}
}

// AllowsOrigin reports whether pages of the origin may connect in the environment. The text is
// compared as the Origin header of a browser is.
func (c WebSocketConfig) AllowsOrigin(environment domain.Environment, header string) bool {
	return origin.New(c.Origins, environment).Allows(header)
}
