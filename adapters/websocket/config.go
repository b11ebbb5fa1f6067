package websocket

import (
	"time"

	"github.com/huleedu/edge/adapters/internal/origin"
	"github.com/huleedu/edge/domain"
)

// Config says how sockets are kept.
type Config struct {
	// PingInterval is the time between two pings of the server.
	PingInterval time.Duration `env:"WEBSOCKET_PING_INTERVAL" envDefault:"30"`
	// PongTimeout closes a socket (4002) that answers no ping for so long.
	PongTimeout time.Duration `env:"WEBSOCKET_PONG_TIMEOUT" envDefault:"75"`
	// IdleTimeout closes a socket (4002) from which nothing at all came for so
	// long.
	IdleTimeout time.Duration `env:"WEBSOCKET_IDLE_TIMEOUT" envDefault:"300"`
	// CloseOnTokenExpiry closes a socket (1008) when the token that opened it
	// expires.
	CloseOnTokenExpiry bool `env:"WEBSOCKET_CLOSE_ON_TOKEN_EXPIRY" envDefault:"true"`
	// DrainTimeout bounds the closing of all sockets when the service stops;
	// what is left then is cut. Not set, it is longer when the notice and the
	// spread need it.
	DrainTimeout time.Duration `env:"WEBSOCKET_DRAIN_TIMEOUT" envDefault:"25"`
	// DrainSpread is the window over which the closes of a drain are spread. Not
	// set, it is shorter in proportion when WEBSOCKET_DRAIN_TIMEOUT is.
	DrainSpread time.Duration `env:"WEBSOCKET_DRAIN_SPREAD" envDefault:"10"`
	// MaxMessageBytes bounds a client's message; a longer one closes 1009.
	MaxMessageBytes int64 `env:"WEBSOCKET_MAX_MESSAGE_BYTES" envDefault:"65536"`
	// Compression lets clients agree on permessage-deflate (RFC 7692), without
	// keeping a window between messages. It costs CPU for each message and socket.
	// MaxMessageBytes then bounds a message as it is sent and once more when it
	// is inflated, which can be a thousand times as much for a moment.
	Compression bool `env:"WEBSOCKET_COMPRESSION" envDefault:"false"`
	// SendQueueMessages bounds how many messages wait for one socket, the one
	// being written included; one more closes it (4001).
	SendQueueMessages int `env:"WEBSOCKET_SEND_QUEUE_MESSAGES" envDefault:"64"`
	// SendQueueBytes bounds the bytes of those messages. A single longer message
	// still passes when nothing else waits.
	SendQueueBytes int `env:"WEBSOCKET_SEND_QUEUE_BYTES" envDefault:"1048576"`
	// MaxConnectionsPerUser is how many sockets a user may have.
	MaxConnectionsPerUser int `env:"WEBSOCKET_MAX_CONNECTIONS_PER_USER" envDefault:"5"`
	// MaxConnections is how many sockets this node holds; one more is answered
	// 503. 0: nine tenths of the files that the process may have open.
	MaxConnections int `env:"WEBSOCKET_MAX_CONNECTIONS" envDefault:"0"`
	// MaxConnectsPerSecond is how many handshakes this node takes in a second;
	// one more is answered 503. 0 sets no limit.
	MaxConnectsPerSecond int `env:"WEBSOCKET_MAX_CONNECTS_PER_SECOND" envDefault:"0"`
	// MaxMessagesPerMinute is how many frames a client may send in a minute,
	// control frames and fragments included; one more closes 1008. 0 sets no
	// limit.
	MaxMessagesPerMinute int `env:"WEBSOCKET_MAX_MESSAGES_PER_MINUTE" envDefault:"120"`
	// RedisOutageGrace is how long Redis may be away before the sockets are closed
	// (1011), over ten seconds.
	RedisOutageGrace time.Duration `env:"WEBSOCKET_REDIS_OUTAGE_GRACE" envDefault:"60"`
	// RefusedTokensPerMinute is how many handshakes without a good token an
	// address may try per minute on this node before they are answered 429; 0
	// sets no limit.
	RefusedTokensPerMinute int `env:"WEBSOCKET_REFUSED_TOKENS_PER_MINUTE" envDefault:"100"`
	// Origins are the web origins whose pages may connect; "*" lets all in.
	Origins []string `env:"CORS_ORIGINS" envDefault:"[\"http://localhost:5173\",\"http://localhost:4173\",\"http://localhost:3000\"]"`
}

// Problems reports every setting that cannot work.
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

// origins returns the check of a handshake's Origin header. Development allows
// every loopback origin as well.
func (c Config) origins(environment domain.Environment) func(header string) bool {
	list := origin.New(c.Origins, environment)
	if environment == domain.Development {
		return list.AllowsLocal
	}
	return list.Allows
}
