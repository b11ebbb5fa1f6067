package redis

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/adapters/internal/dependency"
	"github.com/huleedu/edge/adapters/redis/reply"
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
	// location is scheme and hosts, without credentials.
	location string
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
	return &Client{rdb: open(), address: redactedURL(c.URL), location: location(c.URL), timeout: c.SocketTimeout}, nil
}

// outageTolerance is how long commands must fail before Redis counts as down, so that one
// slow command does not.
const outageTolerance = time.Second

// Monitor logs and counts, by the results of all commands, when Redis goes down and when it is
// back. It must be called before the client is used.
func (c *Client) Monitor(o ports.Observer, log *slog.Logger) {
	c.rdb.AddHook(monitor{dependency.NewTracker(dependency.Config{
		Name: dependencyName, Address: c.location, Tolerance: outageTolerance,
	}, o, log)})
}

// dependencyName names Redis in health responses, logs and metrics.
const dependencyName = "redis"

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
			Name: dependencyName, Condition: domain.Unhealthy, Note: "Redis does not answer",
			Err: domain.Unreachable("redis", reply.Redacted(err)).WithOp("redis.Health"),
		}
	}
	return domain.Health{Name: dependencyName, Condition: domain.Healthy}
}

// location returns scheme and hosts of the URL, for logs.
func location(u domain.Secret) string {
	parsed, err := url.Parse(u.Reveal())
	if err != nil {
		return ""
	}
	return parsed.Scheme + "://" + strings.Join(append([]string{parsed.Host}, parsed.Query()["addr"]...), ",")
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
