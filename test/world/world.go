package world

import "time"

// Config configures a World.
type Config struct {
	// RedisURL and KafkaAddr are real servers. An empty one is embedded.
	RedisURL, KafkaAddr string
	// EmbeddedRedis and EmbeddedKafka are the loopback host:port of the embedded
	// servers. An empty one selects a free port.
	EmbeddedRedis, EmbeddedKafka string
	// Pace is the duration of one pipeline phase.
	Pace time.Duration
	// InternalKey is the API key that the platform's internal routes require.
	InternalKey string
}

// World is the environment of the two services: Redis, Kafka and the platform.
type World struct {
	// RedisURL and KafkaAddr are the addresses for the services.
	RedisURL, KafkaAddr string
	Platform            *Platform

	redis *Redis
	kafka *Kafka
}

// Start starts the servers that are not given, and the platform. The caller must
// call Close after success.
func Start(c Config) (*World, error) {
	w := &World{RedisURL: c.RedisURL, KafkaAddr: c.KafkaAddr}
	if err := w.start(c); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (w *World) start(c Config) (err error) {
	if c.RedisURL == "" {
		if w.redis, err = StartRedis(c.EmbeddedRedis); err != nil {
			return err
		}
		w.RedisURL = w.redis.URL()
	}
	if c.KafkaAddr == "" {
		if w.kafka, err = StartKafka(c.EmbeddedKafka); err != nil {
			return err
		}
		w.KafkaAddr = w.kafka.Addr()
	}
	w.Platform, err = StartPlatform(PlatformConfig{
		KafkaAddr: w.KafkaAddr, RedisURL: w.RedisURL, InternalKey: c.InternalKey, Pace: c.Pace,
	})
	return err
}

// Redis returns the embedded Redis, or nil when Config has a RedisURL.
func (w *World) Redis() *Redis { return w.redis }

// Kafka returns the embedded Kafka, or nil when Config has a KafkaAddr.
func (w *World) Kafka() *Kafka { return w.kafka }

// Close stops everything that Start has started, in reverse order.
func (w *World) Close() {
	if w.Platform != nil {
		w.Platform.Close()
	}
	if w.kafka != nil {
		w.kafka.Close()
	}
	if w.redis != nil {
		w.redis.Close()
	}
}
