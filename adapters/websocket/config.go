package websocket

import (
	"time"

	"github.com/huleedu/edge/adapters/internal/origin"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
)

// Config are the settings of the connections.
type Config struct {
	// PingInterval is the time between two pings of the server.
	PingInterval time.Duration `env:"WEBSOCKET_PING_INTERVAL" envDefault:"30"`
	// PongTimeout is how long a client may leave pings unanswered before its socket
	// is closed (4002).
	PongTimeout time.Duration `env:"WEBSOCKET_PONG_TIMEOUT" envDefault:"75"`
	// IdleTimeout is how long a client may send nothing at all before its socket is
	// closed (4002).
	IdleTimeout time.Duration `env:"WEBSOCKET_IDLE_TIMEOUT" envDefault:"300"`
	// CloseOnTokenExpiry closes a connection (1008) when the token that opened it
	// expires.
	CloseOnTokenExpiry bool `env:"WEBSOCKET_CLOSE_ON_TOKEN_EXPIRY" envDefault:"true"`
	// DrainTimeout bounds the closing of all sockets when the service stops; the
	// remaining ones are aborted. If it is not set, it is extended to cover the
	// notice and the spread.
	DrainTimeout time.Duration `env:"WEBSOCKET_DRAIN_TIMEOUT" envDefault:"25"`
	// DrainSpread is the time over which the closes of a drain are spread. If it is
	// not set, it is shortened in proportion to WEBSOCKET_DRAIN_TIMEOUT.
	DrainSpread time.Duration `env:"WEBSOCKET_DRAIN_SPREAD" envDefault:"10"`
	// MaxMessageBytes bounds a client's message; a longer one closes 1009.
	MaxMessageBytes int64 `env:"WEBSOCKET_MAX_MESSAGE_BYTES" envDefault:"65536"`
	// Compression lets clients negotiate permessage-deflate (RFC 7692) without
	// context takeover. It costs CPU for each message and socket. A compressed
	// message of a client is limited to 8 KiB on the wire and to
	// WEBSOCKET_MAX_MESSAGE_BYTES inflated.
	Compression bool `env:"WEBSOCKET_COMPRESSION" envDefault:"false"`
	// SendQueueMessages bounds how many messages wait for one socket, including the
	// one that is being written; one more closes it (4001).
	SendQueueMessages int `env:"WEBSOCKET_SEND_QUEUE_MESSAGES" envDefault:"64"`
	// SendQueueBytes bounds the size of those messages. A single larger message is
	// sent when no other waits.
	SendQueueBytes int `env:"WEBSOCKET_SEND_QUEUE_BYTES" envDefault:"1048576"`
	// MaxConnectionsPerUser is how many connections a user may have, sockets and event
	// streams together.
	MaxConnectionsPerUser int `env:"WEBSOCKET_MAX_CONNECTIONS_PER_USER" envDefault:"5"`
	// MaxConnections is how many connections this node holds, sockets and event streams
	// together; one more is answered 503.
	// 0: nine tenths of the limit of open files.
	MaxConnections int `env:"WEBSOCKET_MAX_CONNECTIONS" envDefault:"0"`
	// MaxConnectsPerSecond is how many handshakes this node accepts per second; one
	// more is answered 503. 0 sets no limit.
	MaxConnectsPerSecond int `env:"WEBSOCKET_MAX_CONNECTS_PER_SECOND" envDefault:"0"`
	// MaxMessagesPerMinute is how many frames a client may send per minute,
	// including control frames and fragments; one more closes the socket (1008). 0
	// sets no limit.
	MaxMessagesPerMinute int `env:"WEBSOCKET_MAX_MESSAGES_PER_MINUTE" envDefault:"120"`
	// RedisOutageGrace is how long Redis may be unreachable before the sockets are
	// closed (1011), spread over ten seconds.
	RedisOutageGrace time.Duration `env:"WEBSOCKET_REDIS_OUTAGE_GRACE" envDefault:"60"`
	// RefusedTokensPerMinute is how many handshakes without a valid token an address
	// may attempt per minute on this node; one more is answered 429. 0 sets no
	// limit.
	RefusedTokensPerMinute int `env:"WEBSOCKET_REFUSED_TOKENS_PER_MINUTE" envDefault:"100"`
	// Origins are the web origins whose pages may connect; "*" allows all. Development
	// also allows every page of localhost.
	Origins []string `env:"CORS_ORIGINS" envDefault:"[\"http://localhost:5173\",\"http://localhost:4173\",\"http://localhost:3000\"]"`
}

// Problems reports every invalid setting.
func (c Config) Problems(domain.Environment) []error {
	var out []error
	demand := func(ok bool, key, message string) {
		if !ok {
			out = append(out, domain.Misconfigured(key, message))
		}
	}
	demand(c.PingInterval > 0, "WEBSOCKET_PING_INTERVAL", "must be positive")
	demand(c.PongTimeout > c.PingInterval, "WEBSOCKET_PONG_TIMEOUT", "must be longer than WEBSOCKET_PING_INTERVAL")
	demand(c.IdleTimeout > 0, "WEBSOCKET_IDLE_TIMEOUT", "must be positive")
	demand(c.DrainTimeout > 0, "WEBSOCKET_DRAIN_TIMEOUT", "must be positive")
	demand(c.DrainSpread >= 0 && c.DrainSpread <= c.DrainTimeout, "WEBSOCKET_DRAIN_SPREAD", "must be between 0 and WEBSOCKET_DRAIN_TIMEOUT")
	demand(c.MaxMessageBytes > 0, "WEBSOCKET_MAX_MESSAGE_BYTES", "must be positive")
	demand(c.SendQueueMessages > 0, "WEBSOCKET_SEND_QUEUE_MESSAGES", "must be positive")
	demand(c.SendQueueBytes > 0, "WEBSOCKET_SEND_QUEUE_BYTES", "must be positive")
	demand(c.MaxConnectionsPerUser > 0, "WEBSOCKET_MAX_CONNECTIONS_PER_USER", "must be positive")
	demand(c.MaxConnections >= 0, "WEBSOCKET_MAX_CONNECTIONS", "must not be negative")
	demand(c.MaxConnectsPerSecond >= 0, "WEBSOCKET_MAX_CONNECTS_PER_SECOND", "must not be negative")
	demand(c.MaxMessagesPerMinute >= 0, "WEBSOCKET_MAX_MESSAGES_PER_MINUTE", "must not be negative")
	demand(c.RedisOutageGrace > 0, "WEBSOCKET_REDIS_OUTAGE_GRACE", "must be positive")
	demand(c.RefusedTokensPerMinute >= 0, "WEBSOCKET_REFUSED_TOKENS_PER_MINUTE", "must not be negative")
	problem := origin.Problem(c.Origins)
	demand(problem == "", "CORS_ORIGINS", problem)
	return out
}

// Delivery returns the settings of a hub.
func (c Config) Delivery() delivery.Config {
	return delivery.Config{
		QueueMessages: c.SendQueueMessages, QueueBytes: c.SendQueueBytes,
		DrainTimeout: c.DrainTimeout, DrainSpread: c.DrainSpread,
	}
}

// NewAdmission returns the admission of this node, which the hubs of all transports share.
func (c Config) NewAdmission() *delivery.Admission {
	return delivery.NewAdmission(c.Capacity(), newLimiter(c.MaxConnectsPerSecond, time.Second).Allow)
}

// RefusedTokens returns the limit of handshakes without a valid token.
func (c Config) RefusedTokens() domain.Limit {
	return domain.Limit{Class: domain.LimitRefused, Max: c.RefusedTokensPerMinute, Window: time.Minute}
}
