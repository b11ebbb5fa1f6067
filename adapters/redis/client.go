package redis

import (
	"context"
	"errors"
	"net/url"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// healthTimeout is the timeout of a health check.
const healthTimeout = time.Second

// Client is the connection pool of a process. It connects on first use and again after
// each lost connection.
type Client struct {
	rdb     goredis.UniversalClient
	address string
	// timeout is the timeout of one command.
	timeout time.Duration
}

var _ ports.HealthProbe = (*Client)(nil)

// Open returns a client. It does not connect: it returns an error only for invalid
// settings. The caller must call Close.
func Open(c Config) (*Client, error) {
	if problems := c.Problems(""); len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	open, err := c.open()
	if err != nil {
		return nil, err
	}
	goredis.SetLogger(discardLogger{})
	return &Client{rdb: open(), address: redactedURL(c.URL), timeout: c.SocketTimeout}, nil
}

// discardLogger discards the library's log lines, which are not structured. The library also
// returns each failure as an error.
type discardLogger struct{}

// Printf does nothing.
func (discardLogger) Printf(context.Context, string, ...any) {}

// Close closes all connections.
func (c *Client) Close() error { return c.rdb.Close() }

// Address returns the URL of Redis without credentials and options.
func (c *Client) Address() string { return c.address }

// Health pings Redis. It returns within one second.
func (c *Client) Health(ctx context.Context) domain.Health {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	if err := c.rdb.Ping(ctx).Err(); err != nil {
		return domain.Health{
			Name: "redis", Condition: domain.Unhealthy, Note: "Redis does not answer",
			Err: domain.Unreachable("redis", redacted(err)).WithOp("redis.Health"),
		}
	}
	return domain.Health{Name: "redis", Condition: domain.Healthy}
}

// redactedURL returns the URL for health answers: scheme and address, or only the scheme
// if the URL has no credentials.
func redactedURL(u domain.Secret) string {
	parsed, err := url.Parse(u.Reveal())
	if err != nil {
		return ""
	}
	shown := parsed.Scheme + "://***:***"
	if parsed.User != nil {
		shown += "@" + parsed.Host
	}
	return shown
}
