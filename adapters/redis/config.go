package redis

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"slices"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/huleedu/edge/domain"
)

// Config is the address and the timeouts of Redis.
type Config struct {
	// URL is redis://[user:password@]host:port[/db], or rediss:// for TLS. For a cluster, the
	// further nodes follow as ?addr=host:port&addr=... For sentinels, the host and each addr
	// are sentinels, and ?master_name=NAME is the master's name.
	URL domain.Secret `env:"REDIS_URL" envDefault:"redis://localhost:6379" alias:"REDIS_URL" form:"URL"`
	// ConnectTimeout is the timeout of one attempt to connect.
	ConnectTimeout time.Duration `env:"REDIS_CONNECT_TIMEOUT" envDefault:"5" alias:"REDIS_CONNECT_TIMEOUT"`
	// SocketTimeout is the timeout of one command.
	SocketTimeout time.Duration `env:"REDIS_SOCKET_TIMEOUT" envDefault:"5" alias:"REDIS_SOCKET_TIMEOUT"`
	// CAFile is a file with the PEM certificates of the authorities that sign the server's
	// certificate. They replace the system's. It requires rediss://.
	CAFile string `env:"REDIS_CA_FILE" alias:"REDIS_CA_FILE"`
}

// Problems returns an error for every invalid setting. No error contains a part of the URL,
// which can contain a password.
func (c Config) Problems(environment domain.Environment) []error {
	var problems []error
	if environment == domain.Production && c.skipsVerify() {
		problems = append(problems, domain.Misconfigured("REDIS_URL", "must not have skip_verify in production: any server would be believed"))
	}
	if _, err := c.open(); err != nil {
		problems = append(problems, err)
	}
	if c.ConnectTimeout <= 0 {
		problems = append(problems, domain.Misconfigured("REDIS_CONNECT_TIMEOUT", "must be positive"))
	}
	if c.SocketTimeout <= 0 {
		problems = append(problems, domain.Misconfigured("REDIS_SOCKET_TIMEOUT", "must be positive"))
	}
	return problems
}

// skipsVerify reports whether the URL disables the verification of the server's certificate.
func (c Config) skipsVerify() bool {
	u, err := url.Parse(c.URL.Reveal())
	return err == nil && slices.ContainsFunc(u.Query()["skip_verify"], func(value string) bool {
		return !slices.Contains([]string{"", "0", "false"}, value)
	})
}

// clientFactory creates the Redis client of a kind of server: one server, Sentinel or a
// cluster. It does not connect.
type clientFactory func() goredis.UniversalClient

var errScheme = errors.New("scheme is neither redis nor rediss")

// open parses the URL as a single server, sentinels or a cluster.
func (c Config) open() (clientFactory, error) {
	u, err := url.Parse(c.URL.Reveal())
	if err == nil && u.Scheme != "redis" && u.Scheme != "rediss" {
		err = errScheme
	}
	if err != nil {
		return nil, invalidURL()
	}
	trust, err := c.certPool(u)
	if err != nil {
		return nil, err
	}
	switch q := u.Query(); {
	case q.Has("master_name"):
		return c.sentinel(trust)
	case q.Has("addr"):
		return c.cluster(trust)
	default:
		return c.single(trust)
	}
}

// invalidURL returns the error without its cause, because parsers quote the URL.
func invalidURL() error {
	return domain.Misconfigured("REDIS_URL", "must be redis://[user:password@]host:port[/db], or rediss://, with known options")
}

// certPool reads the certificates of the authorities that sign the server's certificate; nil
// means the system's.
func (c Config) certPool(u *url.URL) (*x509.CertPool, error) {
	if c.CAFile == "" {
		return nil, nil
	}
	if u.Scheme != "rediss" {
		return nil, domain.Misconfigured("REDIS_CA_FILE", "needs a rediss:// address")
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, domain.Misconfigured("REDIS_CA_FILE", "cannot be read").WithCause(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, domain.Misconfigured("REDIS_CA_FILE", "contains no PEM certificate")
	}
	return pool, nil
}

// The three functions below change these defaults of the library: contexts end commands; one
// retry instead of three, because callers retry; one dial per attempt, so that an unavailable
// server is detected soon; RESP 2, which is cheaper to parse and has no push messages.

func (c Config) single(trust *x509.CertPool) (clientFactory, error) {
	o, err := goredis.ParseURL(c.URL.Reveal())
	if err != nil {
		return nil, invalidURL()
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = c.ConnectTimeout, c.SocketTimeout, c.SocketTimeout
	o.ContextTimeoutEnabled, o.MaxRetries, o.DialerRetries, o.Protocol = true, 1, 1, 2
	o.DisableIdentity, o.PipelinePoolSize, o.TLSConfig = true, -1, tlsConfig(o.TLSConfig, trust)
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return func() goredis.UniversalClient { return goredis.NewClient(o) }, nil
}

func (c Config) sentinel(trust *x509.CertPool) (clientFactory, error) {
	o, err := goredis.ParseFailoverURL(c.URL.Reveal())
	if err != nil {
		return nil, invalidURL()
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = c.ConnectTimeout, c.SocketTimeout, c.SocketTimeout
	o.ContextTimeoutEnabled, o.MaxRetries, o.DialerRetries, o.Protocol = true, 1, 1, 2
	o.DisableIdentity, o.PipelinePoolSize, o.TLSConfig = true, -1, tlsConfig(o.TLSConfig, trust)
	return func() goredis.UniversalClient { return goredis.NewFailoverClient(o) }, nil
}

func (c Config) cluster(trust *x509.CertPool) (clientFactory, error) {
	o, err := goredis.ParseClusterURL(c.URL.Reveal())
	if err != nil {
		return nil, invalidURL()
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = c.ConnectTimeout, c.SocketTimeout, c.SocketTimeout
	o.ContextTimeoutEnabled, o.MaxRetries, o.DialerRetries, o.Protocol = true, 1, 1, 2
	o.DisableIdentity, o.PipelinePoolSize, o.TLSConfig = true, -1, tlsConfig(o.TLSConfig, trust)
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return func() goredis.UniversalClient { return goredis.NewClusterClient(o) }, nil
}

// tlsConfig completes the TLS configuration of a rediss:// URL; nil means plain TCP.
func tlsConfig(c *tls.Config, trust *x509.CertPool) *tls.Config {
	if c == nil {
		return nil
	}
	c.MinVersion = tls.VersionTLS12
	c.RootCAs = trust
	return c
}
