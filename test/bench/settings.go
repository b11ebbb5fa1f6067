package main

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/huleedu/edge/adapters/jwt"
)

const (
	secret   = "a benchmark's secret, longer than 32 bytes"
	audience = "huleedu-platform"
	issuer   = "huleedu-identity-service"
)

// user is somebody with a token of their own.
type user struct{ id, token string }

// people mints tokens of people whom nobody has seen before, so that no limit
// and no cache knows them.
func (l *lab) people(n int) ([]user, error) {
	group := l.tag("user")
	cfg := jwt.Config{Algorithm: "HS256", SecretKey: secret, Audience: audience, Issuer: issuer}
	all := make([]user, n)
	for i := range all {
		id := fmt.Sprintf("%s-%d", group, i)
		now := time.Now()
		token, err := jwt.Mint(cfg, jwt.Claims{User: id, Issued: now, Expires: now.Add(time.Hour)})
		if err != nil {
			return nil, err
		}
		all[i] = user{id, token}
	}
	return all, nil
}

// gateway starts the API gateway before the backend, with settings as shipped
// except those given.
func (l *lab) gateway(ctx context.Context, backend *process, changed map[string]string) (*process, error) {
	behind := "http://" + backend.addr
	settings := map[string]string{
		"JWT_SECRET_KEY": secret, "HULEEDU_INTERNAL_API_KEY": "a benchmark's key",
		"API_GATEWAY_HTTP_HOST": "127.0.0.1", "API_GATEWAY_HTTP_PORT": "0", "API_GATEWAY_DRAIN_NOTICE": "0",
		"REDIS_URL": "redis://" + l.redis, "KAFKA_BOOTSTRAP_SERVERS": l.brokers(),
		"API_GATEWAY_RESULT_AGGREGATOR_URL": behind, "API_GATEWAY_BOS_URL": behind, "API_GATEWAY_CMS_API_URL": behind,
		"API_GATEWAY_BFF_TEACHER_URL": behind, "API_GATEWAY_FILE_SERVICE_URL": behind,
	}
	maps.Copy(settings, changed)
	return l.service(ctx, "gateway", settings)
}

// node starts the notification service as shipped.
func (l *lab) node(ctx context.Context) (*process, error) { return l.roomyNode(ctx, 0) }

// roomyNode is a node that keeps no tenth of its open files back, but takes so
// many sockets and a few more; 0 is as shipped.
func (l *lab) roomyNode(ctx context.Context, sockets int) (*process, error) {
	if sockets > 0 {
		sockets += spareFiles / 2
	}
	return l.service(ctx, "websocket", map[string]string{
		"WEBSOCKET_MAX_CONNECTIONS": strconv.Itoa(sockets),
		"JWT_SECRET_KEY":            secret, "WEBSOCKET_HOST": "127.0.0.1", "WEBSOCKET_PORT": "0",
		"WEBSOCKET_DRAIN_NOTICE": "0", "WEBSOCKET_DRAIN_SPREAD": "0",
		"REDIS_URL": "redis://" + l.redis, "KAFKA_BOOTSTRAP_SERVERS": l.brokers(),
		"KAFKA_CONSUMER_GROUP": l.tag("group"),
	})
}

// bareNode starts the notification service's baseline.
func (l *lab) bareNode(ctx context.Context) (*process, error) {
	return l.own(ctx, "sockets", "redis="+l.redis)
}

// brokers is the Kafka that this run has so far, if any; the services do
// without when nothing asks for it.
func (l *lab) brokers() string {
	if l.kafka == "" {
		return nowhere
	}
	return l.kafka
}
