package world

import "time"

// Config says what a world is made of.
type Config struct {
	// RedisURL and KafkaAddr are real servers; an empty one is embedded.
	RedisURL, KafkaAddr string
	// EmbeddedRedis and EmbeddedKafka are where the embedded ones listen, host:port
	// on loopback; empty: any free port.
	EmbeddedRedis, EmbeddedKafka string
	// Pace is how long one phase of a pipeline takes.
	Pace time.Duration
	// InternalKey is what the platform's internal routes demand.
	InternalKey string
}

// World is everything around the two services: Redis, Kafka and the platform.
type World struct {
	// RedisURL and KafkaAddr are where the services find them.
	RedisURL, KafkaAddr string
	Platform            *Platform

	redis *Redis
	kafka *Kafka
}

// Start brings up what is not given, and the platform on it. Close is owed
// after success.
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

// Redis is the embedded Redis, or nil when a real one was given.
func (w *World) Redis() *Redis { return w.redis }

// Kafka is the embedded Kafka, or nil when a real one was given.
func (w *World) Kafka() *Kafka { return w.kafka }

// Close ends what Start has started, in reverse.
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
