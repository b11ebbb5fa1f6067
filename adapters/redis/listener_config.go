package redis

import (
	"strings"
	"time"

	"github.com/huleedu/edge/domain"
)

// defaultPrefix is the default of WEBSOCKET_CHANNEL_PREFIX.
const defaultPrefix = "ws:"

// ListenerConfig is the configuration of a Listener.
type ListenerConfig struct {
	// ChannelPrefix is the prefix of the users' channels. The user's id follows it.
	ChannelPrefix string `env:"WEBSOCKET_CHANNEL_PREFIX" envDefault:"ws:"`
	// OldChannelPrefix is the prefix without its colon, under an older name. It is used if
	// WEBSOCKET_CHANNEL_PREFIX is not set or has its default.
	OldChannelPrefix string `env:"REDIS_CHANNEL_PREFIX"`
	// MaxBytes is the maximum size of a message in bytes. A larger message is dropped and
	// counted.
	MaxBytes int `env:"NOTIFICATION_MAX_BYTES" envDefault:"262144"`
	// ProbeInterval is the interval of the messages that are sent to each connection of the
	// subscription, to check that it still receives.
	ProbeInterval time.Duration `env:"WEBSOCKET_REDIS_PROBE_INTERVAL" envDefault:"5"`
	// Connections is the number of connections; 0 means one per core, at most 4.
	Connections int
	// Linger is how long a subscription is kept after the last Unfollow, so that a reconnect
	// needs no command; 0 means 5 s.
	Linger time.Duration
}

// Prefix returns the effective prefix.
func (c ListenerConfig) Prefix() ChannelPrefix {
	if c.OldChannelPrefix != "" && (c.ChannelPrefix == "" || c.ChannelPrefix == defaultPrefix) {
		return ChannelPrefix(c.OldChannelPrefix + ":")
	}
	return ChannelPrefix(c.ChannelPrefix)
}

// Problems returns an error for every invalid setting.
func (c ListenerConfig) Problems(domain.Environment) []error {
	var problems []error
	p := string(c.Prefix())
	if p == "" || strings.HasPrefix(controlPrefix, p) || strings.HasPrefix(p, controlPrefix) {
		problems = append(problems, domain.Misconfigured("WEBSOCKET_CHANNEL_PREFIX", "must not be empty and must keep users out of "+controlPrefix))
	}
	if c.MaxBytes <= 0 {
		problems = append(problems, domain.Misconfigured("NOTIFICATION_MAX_BYTES", "must be positive"))
	}
	if c.ProbeInterval <= 0 {
		problems = append(problems, domain.Misconfigured("WEBSOCKET_REDIS_PROBE_INTERVAL", "must be positive"))
	}
	return problems
}
