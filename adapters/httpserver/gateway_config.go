package httpserver

import (
	"time"

	"github.com/huleedu/edge/adapters/httpserver/certificate"
	"github.com/huleedu/edge/adapters/httpserver/operators"
	"github.com/huleedu/edge/adapters/internal/origin"
	"github.com/huleedu/edge/domain"
)

// GatewayConfig is where the gateway listens and what it accepts from clients.
type GatewayConfig struct {
	// Host is the address to listen on; empty means every interface.
	Host string `env:"API_GATEWAY_HTTP_HOST" alias:"API_GATEWAY_SERVICE_HOST" envDefault:"0.0.0.0"`
	// Port is the TCP port to listen on; 0 takes a free one.
	Port int `env:"API_GATEWAY_HTTP_PORT" alias:"API_GATEWAY_SERVICE_PORT" envDefault:"4001"`
	// AdminAddr is a second address, host:port or :port, for operators: /metrics
	// and /readyz move there and /healthz is answered there too. It stays open
	// until the drain has ended. Empty: everything on one port.
	AdminAddr string `env:"API_GATEWAY_ADMIN_ADDR"`
	// AdminToken is the bearer token of operators, of at least 32 bytes. With it the admin
	// address also answers /admin/..., which shows the state of the node without changing
	// it. Empty: there are no such routes.
	AdminToken domain.Secret `env:"ADMIN_TOKEN"`
	// TLSCertFile is a file with the certificate chain in PEM. With it, and the key, every
	// listener of the service accepts only TLS 1.2 or newer. The files are loaded again when
	// they change. Empty: no TLS.
	TLSCertFile string `env:"API_GATEWAY_TLS_CERT_FILE"`
	// TLSKeyFile is a file with the private key of the certificate in PEM.
	TLSKeyFile string `env:"API_GATEWAY_TLS_KEY_FILE"`
	// Origins are the web origins whose pages may call the API. ENVIRONMENT=development also
	// allows http and https pages of localhost, 127.0.0.0/8 and [::1] on any port. "*" allows
	// all, and is refused together with credentials and in production.
	Origins []string `env:"API_GATEWAY_CORS_ORIGINS" envDefault:"[\"http://localhost:5173\",\"http://localhost:4173\",\"http://localhost:3000\"]"`
	// Credentials lets pages send cookies and Authorization headers.
	Credentials bool `env:"API_GATEWAY_CORS_ALLOW_CREDENTIALS" envDefault:"true"`
	// Methods are the methods that pages of other origins may use; "*" allows the requested
	// one.
	Methods []string `env:"API_GATEWAY_CORS_ALLOW_METHODS" envDefault:"[\"GET\",\"POST\",\"PUT\",\"PATCH\",\"DELETE\",\"OPTIONS\"]"`
	// Headers are the headers that pages of other origins may send; "*" allows the
	// requested ones.
	Headers []string `env:"API_GATEWAY_CORS_ALLOW_HEADERS" envDefault:"[\"*\"]"`
	// TrustedProxies is a comma list of CIDRs whose X-Forwarded-For is trusted;
	// empty trusts no proxy.
	TrustedProxies string `env:"API_GATEWAY_TRUSTED_PROXIES"`
	// ForwardAuthorization forwards the caller's token to class management and the
	// teachers' backend. They identify the caller without it.
	ForwardAuthorization bool `env:"API_GATEWAY_FORWARD_AUTHORIZATION" envDefault:"false"`
	// MaxBodyBytes bounds a JSON body, in bytes.
	MaxBodyBytes int64 `env:"API_GATEWAY_MAX_BODY_BYTES" envDefault:"1048576"`
	// MaxHeaderBytes bounds the request line and headers together, in bytes.
	MaxHeaderBytes int `env:"API_GATEWAY_MAX_HEADER_BYTES" envDefault:"32768"`
	// HeaderTimeout bounds the time in which a client sends its headers.
	HeaderTimeout time.Duration `env:"API_GATEWAY_HEADER_TIMEOUT" envDefault:"10s"`
	// AnswerTimeout bounds a request that the gateway answers itself, from its first byte
	// to the end of its answer. It must exceed the sum of the timeouts of the services.
	// Forwarded requests and answers over 256 KiB may take longer while they make progress.
	AnswerTimeout time.Duration `env:"API_GATEWAY_ANSWER_TIMEOUT" envDefault:"90s"`
	// IdleTimeout bounds the wait of a connection for its next request.
	IdleTimeout time.Duration `env:"API_GATEWAY_IDLE_TIMEOUT" envDefault:"120s"`
	// Docs decides whether the description of the API is served: true or false in every
	// environment; empty serves it everywhere but in production.
	Docs    string `env:"API_GATEWAY_DOCS"`
	Limits  LimitsConfig
	Uploads UploadsConfig
}

// Problems reports every value that cannot be used in the environment.
func (c GatewayConfig) Problems(environment domain.Environment) []error {
	const prefix = "API_GATEWAY_"
	out := portProblems(prefix+"HTTP_PORT", c.Port)
	out = append(out, adminProblems(prefix+"ADMIN_ADDR", c.AdminAddr, c.Host, c.Port)...)
	out = append(out, operators.TokenProblems(c.AdminToken, environment)...)
	out = append(out, c.certificate().Problems(prefix)...)
	out = append(out, c.cors().problems(environment)...)
	out = append(out, proxyProblems(prefix+"TRUSTED_PROXIES", c.TrustedProxies, environment)...)
	if _, ok := docsServed(c.Docs, environment); !ok {
		out = append(out, domain.Misconfigured(prefix+"DOCS", "must be true, false or empty"))
	}
	return append(out, requirePositive(prefix, "must be greater than zero", []bound{
		{"MAX_BODY_BYTES", c.MaxBodyBytes},
		{"MAX_HEADER_BYTES", int64(c.MaxHeaderBytes)},
		{"HEADER_TIMEOUT", int64(c.HeaderTimeout)},
		{"ANSWER_TIMEOUT", int64(c.AnswerTimeout)},
		{"IDLE_TIMEOUT", int64(c.IdleTimeout)},
	})...)
}

// Warnings reports what the service ignores in the environment.
func (c GatewayConfig) Warnings(environment domain.Environment) []error {
	return append(c.cors().warnings(environment), operators.TokenWarnings(c.AdminToken, "API_GATEWAY_ADMIN_ADDR", c.AdminAddr)...)
}

func (c GatewayConfig) cors() corsSettings {
	return corsSettings{setting: "API_GATEWAY_CORS_ORIGINS", origins: c.Origins, credentials: c.Credentials, methods: c.Methods, headers: c.Headers}
}

func (c GatewayConfig) certificate() certificate.Files {
	return certificate.Files{Cert: c.TLSCertFile, Key: c.TLSKeyFile}
}

// AllowsOrigin reports whether pages of the origin may use the service in the environment. The
// text is compared as the Origin header of a browser is.
func (c GatewayConfig) AllowsOrigin(environment domain.Environment, header string) bool {
	return origin.New(c.Origins, environment).Allows(header)
}
