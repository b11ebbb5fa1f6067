package wire

import (
	"time"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/adapters/telemetry"
	"github.com/huleedu/edge/adapters/websocket"
	"github.com/huleedu/edge/domain"
)

// GatewayConfig contains all settings of the API gateway.
type GatewayConfig struct {
	// Environment is development, staging, production or testing. Production
	// refuses weak settings.
	Environment domain.Environment `env:"ENVIRONMENT" envDefault:"development"`
	HTTP        httpserver.GatewayConfig
	Drain       GatewayDrain
	Tokens      jwt.Config
	Platform    httpclient.Config `envPrefix:"API_GATEWAY_"`
	PlatformKey httpclient.KeyConfig
	Kafka       kafka.PublisherConfig `envPrefix:"API_GATEWAY_"`
	Redis       redis.Config          `envPrefix:"API_GATEWAY_" envDefault.REDIS_URL:"redis://redis:6379" alias.REDIS_URL:"API_GATEWAY_SERVICE_REDIS_URL"`
	Limiter     redis.LimiterConfig
	Telemetry   telemetry.Config `envPrefix:"API_GATEWAY_"`
	OTel        telemetry.OTelConfig
	// Effective lists these settings with their sources, for operators. Read fills it.
	Effective []domain.EffectiveSetting
}

// WebSocketConfig contains all settings of the notification service.
type WebSocketConfig struct {
	// Environment is development, staging, production or testing. Production
	// refuses weak settings.
	Environment domain.Environment `env:"ENVIRONMENT" envDefault:"development"`
	// AnnounceGaps sends clients a resync frame after a lost subscription.
	AnnounceGaps bool `env:"WEBSOCKET_ANNOUNCE_GAPS" envDefault:"true"`
	HTTP         httpserver.WebSocketConfig
	Sockets      websocket.Config
	Drain        SocketDrain
	Tokens       jwt.Config
	Redis        redis.Config
	Listener     redis.ListenerConfig
	Notifier     redis.NotifierConfig
	Kafka        kafka.ConsumerConfig
	Telemetry    telemetry.Config
	OTel         telemetry.OTelConfig
	// Effective lists these settings with their sources, for operators. Read fills it.
	Effective []domain.EffectiveSetting
}

// GatewayDrain configures how the gateway stops.
type GatewayDrain struct {
	// Notice is how long the gateway continues to serve after it reports not ready,
	// so that load balancers can remove it. If it is not set, it is shortened in
	// proportion to a shorter timeout.
	Notice time.Duration `env:"API_GATEWAY_DRAIN_NOTICE" envDefault:"2"`
	// Timeout limits the whole stop; requests in flight are then aborted. If it is not
	// set, it is extended for a longer notice.
	Timeout time.Duration `env:"API_GATEWAY_DRAIN_TIMEOUT" envDefault:"25"`
}

// SocketDrain configures how the notification service stops. WEBSOCKET_DRAIN_TIMEOUT
// limits the whole stop.
type SocketDrain struct {
	// Notice is how long the service waits after it reports not ready, before it
	// closes connections. New connections are refused meanwhile. If it is not set, it
	// is shortened in proportion to a shorter WEBSOCKET_DRAIN_TIMEOUT.
	Notice time.Duration `env:"WEBSOCKET_DRAIN_NOTICE" envDefault:"2"`
}

// Problems reports drain settings that contradict each other.
func (c *WebSocketConfig) Problems(domain.Environment) []error {
	if c.Drain.Notice+c.Sockets.DrainSpread >= c.Sockets.DrainTimeout {
		return []error{domain.Misconfigured("WEBSOCKET_DRAIN_TIMEOUT",
			"must be longer than WEBSOCKET_DRAIN_NOTICE and WEBSOCKET_DRAIN_SPREAD together")}
	}
	return nil
}

// Problems reports times that leave no time to finish requests.
func (d *GatewayDrain) Problems(domain.Environment) []error {
	if d.Notice < 0 || d.Timeout <= d.Notice {
		return []error{domain.Misconfigured("API_GATEWAY_DRAIN_TIMEOUT", "must be longer than API_GATEWAY_DRAIN_NOTICE")}
	}
	return nil
}

// Problems reports a negative time.
func (d SocketDrain) Problems(domain.Environment) []error {
	if d.Notice < 0 {
		return []error{domain.Misconfigured("WEBSOCKET_DRAIN_NOTICE", "must not be negative")}
	}
	return nil
}
